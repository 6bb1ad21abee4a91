import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.atomic import atomic_write, remove_leftovers, replacing
from dnsearch.runs.folder import RunFolder, check_folder
from dnsearch.runs.lock import is_locked, locked
from dnsearch.runs.record import EpochRecord, RunRecord


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "article")


def numbered(epoch: EpochRecord, *numbers: int) -> list[EpochRecord]:
    return [replace(epoch, epoch=number) for number in numbers]


def test_a_name_is_used_once(tmp_path: Path) -> None:
    made = [RunFolder.create(tmp_path / "new" / "runs", "a") for _ in range(3)]
    assert [folder.path.relative_to(tmp_path).as_posix() for folder in made] == [
        "new/runs/a",
        "new/runs/a-2",
        "new/runs/a-3",
    ]
    assert [folder.name for folder in made] == ["a", "a-2", "a-3"]


def test_many_at_once_get_a_folder_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: RunFolder.create(tmp_path, "a").path, range(64)))
    assert len(set(made)) == 64


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "../a"])
def test_a_name_is_not_a_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError) as caught:
        RunFolder.create(tmp_path, name)
    assert (
        str(caught.value) == f"run name\n  expected the name of a folder, not a path to one, found {name!r}"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_runs_says_so(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError) as caught:
        RunFolder.create(tmp_path / "runs", "a")
    assert str(caught.value).startswith(f"{tmp_path}/runs\n  cannot be written: File exists\n  A file is")


def test_runs_in_a_read_only_folder_say_so(unprivileged: Path) -> None:
    with pytest.raises(RunError) as caught:
        RunFolder.create(unprivileged, "a")
    assert str(caught.value).startswith(
        f"{unprivileged}/a\n  cannot be written: Permission denied\n  Change the"
    )


def test_a_run_is_opened(folder: RunFolder, record: RunRecord) -> None:
    folder.write(record)
    assert RunFolder.open(folder.path) == folder


def test_what_is_no_run_is_not_opened(folder: RunFolder, record: RunRecord) -> None:
    folder.write(record)
    with pytest.raises(RunError) as caught:
        RunFolder.open(folder.path.parent / "artikle")
    assert str(caught.value) == (
        f"{folder.path.parent}/artikle\n  expected a run folder, with its run.json, found nothing\n"
        f"  There is {folder.path}."
    )


def test_a_folder_of_runs_is_no_run(folder: RunFolder, record: RunRecord) -> None:
    folder.write(record)
    with pytest.raises(RunError, match=r"found a folder without run\.json\n  There is .*/runs/article\."):
        RunFolder.open(folder.path.parent)


@pytest.mark.parametrize("look", [RunFolder.open, check_folder])
def test_a_name_that_no_file_can_have_is_refused(look: Callable[[Path], object]) -> None:
    with pytest.raises(RunError, match="cannot be read: File name too long"):
        look(Path("x" * 5000))


def test_a_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(RunError, match="found a file\n  Make one with: dnsearch train SPEC"):
        RunFolder.open(tmp_path / "a")


def test_a_run_has_a_place_for_everything(folder: RunFolder) -> None:
    places = [
        folder.spec,
        folder.resolved,
        folder.record,
        folder.epochs_file,
        folder.preprocessing,
        folder.weights,
        folder.checkpoint,
        folder.lock,
    ]
    assert [place.relative_to(folder.path).as_posix() for place in places] == [
        "spec.yaml",
        "resolved.yaml",
        "run.json",
        "epochs.jsonl",
        "preprocessing.json",
        "weights.npz",
        "checkpoint.npz",
        "lock",
    ]


def test_a_run_folder_is_a_value(folder: RunFolder) -> None:
    with pytest.raises(FrozenInstanceError):
        folder.path = Path()  # type: ignore[misc]  # that is the point
    assert RunFolder(folder.path) == folder


def test_the_spec_is_kept_to_the_letter(folder: RunFolder) -> None:
    folder.write_spec("# θ\r\nversion: 1", "version: 1\nname: a\n")
    assert folder.spec.read_bytes() == "# θ\r\nversion: 1".encode()
    assert folder.resolved.read_bytes() == b"version: 1\nname: a\n"


def test_preprocessing_is_kept(folder: RunFolder) -> None:
    folder.write_preprocessing({"mean": [0.5]}, (8, 8, 1), ("zero", "one"))
    assert json.loads(folder.preprocessing.read_bytes()) == {
        "scaling": {"mean": [0.5]},
        "image_shape": [8, 8, 1],
        "class_names": ["zero", "one"],
    }


def test_a_record_is_written_and_read(folder: RunFolder, record: RunRecord) -> None:
    folder.write(replace(record, state="running"))
    folder.write(record)
    assert folder.read() == record
    assert folder.record.read_text().count("\n") > 30


def test_a_missing_record_says_so(folder: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        folder.read()
    assert str(caught.value).startswith(f"{folder.record}\n  cannot be read: No such file or directory")


def test_a_damaged_record_names_its_file(folder: RunFolder) -> None:
    folder.record.write_text("{")
    with pytest.raises(RunError, match=f"{folder.record}\n  expected JSON, found"):
        folder.read()


def test_epochs_are_appended(folder: RunFolder, epoch: EpochRecord) -> None:
    assert folder.epochs() == []
    expected = numbered(epoch, 1, 2, 3)
    for each in expected:
        folder.append(each)
    assert folder.epochs() == expected
    assert folder.epochs_file.read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_half_a_line_is_passed_over_and_then_replaced(
    folder: RunFolder, epoch: EpochRecord, kept: int
) -> None:
    first, second = numbered(epoch, 1, 2)
    folder.append(first)
    whole = folder.epochs_file.read_bytes()
    folder.epochs_file.write_bytes(whole + whole[:kept])
    assert folder.epochs() == [first]
    folder.append(second)
    assert folder.epochs() == [first, second]


def test_half_a_line_alone_is_replaced(folder: RunFolder, epoch: EpochRecord) -> None:
    folder.epochs_file.write_bytes(b"{")
    folder.append(epoch)
    assert folder.epochs() == [epoch]


def test_a_damaged_line_is_told_with_its_number(folder: RunFolder, epoch: EpochRecord) -> None:
    folder.append(epoch)
    folder.epochs_file.write_bytes(folder.epochs_file.read_bytes() + b"{}\n")
    with pytest.raises(RunError, match=r"epochs\.jsonl:2  epoch\n  expected this key, found none"):
        folder.epochs()


def test_epochs_are_replaced_as_a_whole(folder: RunFolder, epoch: EpochRecord) -> None:
    for each in numbered(epoch, 1, 2, 3):
        folder.append(each)
    folder.epochs_file.write_bytes(folder.epochs_file.read_bytes() + b'{"epoch": 4')
    folder.write_epochs(numbered(epoch, 1, 2))
    assert folder.epochs() == numbered(epoch, 1, 2)
    assert folder.epochs_file.read_bytes().endswith(b"}\n")


def test_two_checkpoints_are_kept(folder: RunFolder) -> None:
    for content in (b"one", b"two", b"three"):
        with folder.replacing_checkpoint() as file:
            file.write(content)
    assert (folder.checkpoint.read_bytes(), folder.previous_checkpoint.read_bytes()) == (b"three", b"two")
    with pytest.raises(ZeroDivisionError), folder.replacing_checkpoint() as file:
        file.write(bytes(1 // 0))
    assert (folder.checkpoint.read_bytes(), folder.previous_checkpoint.read_bytes()) == (b"three", b"two")
    assert len(list(folder.path.iterdir())) == 2


def test_a_checkpoint_that_is_gone_leaves_the_older_one_alone(folder: RunFolder) -> None:
    folder.previous_checkpoint.write_bytes(b"one")
    with folder.replacing_checkpoint() as file:
        file.write(b"two")
    assert (folder.checkpoint.read_bytes(), folder.previous_checkpoint.read_bytes()) == (b"two", b"one")


def test_what_the_dead_were_writing_is_removed(folder: RunFolder) -> None:
    (folder.path / ".weights.npz.4711-00c0ffee.tmp").write_bytes(b"half")
    (folder.path / "notes.tmp").write_text("somebody's")
    (folder.path / ".hidden").write_text("somebody's")
    remove_leftovers(folder.path)
    assert sorted(path.name for path in folder.path.iterdir()) == [".hidden", "notes.tmp"]
    remove_leftovers(folder.path)


def test_leftovers_that_cannot_be_removed_say_so(folder: RunFolder) -> None:
    leftover = folder.path / ".weights.npz.4711-00c0ffee.tmp"
    leftover.mkdir()
    with pytest.raises(RunError) as caught:
        remove_leftovers(folder.path)
    assert str(caught.value).startswith(f"{leftover}\n  cannot be written: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_an_epoch_on_a_full_disk_says_so(folder: RunFolder, epoch: EpochRecord) -> None:
    folder.epochs_file.symlink_to("/dev/full")
    with pytest.raises(RunError) as caught:
        folder.append(epoch)
    assert str(caught.value).startswith(
        f"{folder.epochs_file}\n  cannot be written: No space left on device\n  Make"
    )


def test_a_run_in_a_read_only_folder_says_so(
    unprivileged: Path, record: RunRecord, epoch: EpochRecord
) -> None:
    folder = RunFolder(unprivileged)
    with pytest.raises(RunError, match=r"run\.json\n  cannot be written: Permission denied"):
        folder.write(record)
    with pytest.raises(RunError, match=r"epochs\.jsonl\n  cannot be written: Permission denied"):
        folder.append(epoch)
    with pytest.raises(RunError, match=r"spec\.yaml\n  cannot be written: Permission denied"):
        folder.write_spec("", "")


def test_one_trainer_at_a_time(folder: RunFolder) -> None:
    assert not is_locked(folder.lock)
    with locked(folder.lock):
        assert is_locked(folder.lock)
        with pytest.raises(
            RunError, match=f"{folder.path}\n  is being trained by process {os.getpid()} on host"
        ):
            locked(folder.lock).__enter__()
    assert not is_locked(folder.lock)


def test_writers_of_other_files_find_their_tools_here(folder: RunFolder) -> None:
    atomic_write(folder.preprocessing, b"{}")
    with replacing(folder.weights) as handle:
        handle.write(b"0")
    assert sorted(path.name for path in folder.path.iterdir()) == ["preprocessing.json", "weights.npz"]
