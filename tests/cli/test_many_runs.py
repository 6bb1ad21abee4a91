"""A table of very many runs is cut on a terminal; what a pipe or a program reads is not."""

from dnsearch.cli import console


def test_a_table_of_very_many_runs_is_cut_on_a_terminal_and_says_so(
    dnsearch, run_folder, tmp_path, monkeypatch
):
    for number in range(101):
        run_folder(tmp_path / "runs" / f"run-{number:04d}", number / 200)
    piped = dnsearch("leaderboard")
    assert (piped.out.count("run-"), piped.err) == (101, "")
    monkeypatch.setattr(type(console.data()), "is_terminal", True)
    short = dnsearch("leaderboard")
    assert short.out.count("run-") == 100
    assert "run-0000" not in short.out, "the best are shown"
    assert short.err.endswith("100 of 101 runs; --top 101 or --csv shows all\n")
    assert dnsearch("leaderboard", "--csv").out.count("run-") == 101
    whole = dnsearch("leaderboard", "--top", "101")
    assert (whole.out.count("run-"), whole.err) == (101, "")
