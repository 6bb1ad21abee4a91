from pathlib import Path

from dnsearch.runs.folder import is_run, runs_under, suggestion


def make_run(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "run.json").write_bytes(b"")
    return path


def test_a_run_is_a_folder_with_a_record(tmp_path: Path) -> None:
    assert is_run(make_run(tmp_path / "a"))
    assert not is_run(tmp_path)
    assert not is_run(tmp_path / "gone")


def test_runs_are_found_two_levels_deep_and_sorted(tmp_path: Path) -> None:
    expected = [make_run(tmp_path / name) for name in ("a", "b/trial-0000", "b/trial-0001", "c")]
    make_run(tmp_path / "too/deep/down")
    make_run(tmp_path / ".hidden")
    (tmp_path / "notes.txt").write_text("no folder")
    assert list(runs_under(tmp_path)) == expected


def test_a_run_is_found_where_it_is_named_and_not_looked_into(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    make_run(run / "copy")
    assert list(runs_under(run)) == [run]


def test_a_folder_that_may_not_be_entered_counts_as_a_run(unprivileged: Path) -> None:
    assert list(runs_under(unprivileged)) == [unprivileged / "closed"]


def test_links_that_go_round_in_circles_end(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to(tmp_path)
    make_run(tmp_path / "a")
    assert tmp_path / "a" in list(runs_under(tmp_path))


def test_a_name_that_is_nearly_right_is_suggested(tmp_path: Path) -> None:
    for name in ("article", "cosine", "other", "small"):
        make_run(tmp_path / name)
    assert suggestion(tmp_path / "artcle") == f"There is {tmp_path}/article (4 runs in {tmp_path})."


def test_without_a_similar_name_the_first_runs_are_told(tmp_path: Path) -> None:
    make_run(tmp_path / "small/trial-0000")
    make_run(tmp_path / "small/trial-0001")
    assert suggestion(tmp_path) == f"There is {tmp_path}/small/trial-0000, {tmp_path}/small/trial-0001."


def test_without_runs_their_making_is_told(tmp_path: Path) -> None:
    assert suggestion(tmp_path / "a") == "Make one with: dnsearch train SPEC"
    assert suggestion(tmp_path / "far" / "away") == "Make one with: dnsearch train SPEC"
