"""A run as one file: what goes in comes out, and nothing else does."""

import io
import tarfile
from pathlib import Path

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.archive import pack, unpack
from dnsearch.runs.folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "trial-0003")
    folder.path.mkdir()
    for name in ("spec.yaml", "resolved.yaml", "run.json", "epochs.jsonl", "weights.npz", "checkpoint.npz"):
        (folder.path / name).write_text(f"this is {name}")
    (folder.path / "lock").touch()
    return folder


def names(folder: RunFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()}


def crafted(path: Path, *members: tuple[str, bytes]) -> Path:
    """An archive with entries of these names and types."""
    with tarfile.open(path, "w:") as tar:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = (
                kind,
                2 if kind == tarfile.REGTYPE else 0,
                "/etc/passwd",
            )
            tar.addfile(member, io.BytesIO(b"{}"))
    return path


@pytest.mark.parametrize("checkpoints", [False, True])
def test_a_run_arrives_as_it_was(run: RunFolder, tmp_path: Path, checkpoints: bool) -> None:
    pack(run, tmp_path / "a.tar", checkpoints=checkpoints)
    arrived = RunFolder(tmp_path / "elsewhere" / "trial-0003")
    unpack(tmp_path / "a.tar", arrived)
    assert names(arrived) == names(run) - {"lock"} - (set() if checkpoints else {"checkpoint.npz"})
    assert arrived.weights.read_text() == "this is weights.npz"


def test_who_packed_it_is_not_told_and_the_record_is_last(run: RunFolder, tmp_path: Path) -> None:
    pack(run, tmp_path / "a.tar", checkpoints=False)
    with tarfile.open(tmp_path / "a.tar") as tar:
        members = tar.getmembers()
    assert {(member.uname, member.uid) for member in members} == {("", 0)}
    assert members[-1].name == "run.json"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../run.json", tarfile.REGTYPE)], "expected the files of a run alone, found ../run.json"),
        ([("/run.json", tarfile.REGTYPE)], "expected the files of a run alone, found /run.json"),
        ([("lock", tarfile.REGTYPE)], "expected the files of a run alone, found lock"),
        ([("run.json", tarfile.SYMTYPE)], "expected plain files alone, found run.json, which is none"),
        ([("run.json", tarfile.LNKTYPE)], "expected plain files alone, found run.json, which is none"),
        ([("run.json", tarfile.DIRTYPE)], "expected plain files alone, found run.json, which is none"),
        ([("run.json", tarfile.REGTYPE)] * 2, "expected run.json once, found it again"),
        ([("spec.yaml", tarfile.REGTYPE)], "expected a run.json, found none"),
    ],
)
def test_what_no_run_has_is_refused(tmp_path: Path, members: list[tuple[str, bytes]], said: str) -> None:
    archive = crafted(tmp_path / "a.tar", *members)
    with pytest.raises(RunError) as caught:
        unpack(archive, RunFolder(tmp_path / "in" / "trial-0003"))
    hint = "Do not use it. Look at who can write into the artifact store."
    assert str(caught.value) == f"{archive}\n  {said}\n  {hint}"
    assert [path for path in tmp_path.rglob("*") if path.is_symlink()] == []


@pytest.mark.parametrize("length", [0, 100, 700, 2500])
def test_half_an_archive_is_refused(run: RunFolder, tmp_path: Path, length: int) -> None:
    pack(run, tmp_path / "a.tar", checkpoints=False)
    half = tmp_path / "half.tar"
    half.write_bytes((tmp_path / "a.tar").read_bytes()[:length])
    arrived = RunFolder(tmp_path / "in")
    with pytest.raises(RunError, match="expected a"):
        unpack(half, arrived)
    assert not arrived.record.exists()


def test_a_place_that_cannot_be_written_to(run: RunFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"nowhere/a\.tar\n  cannot be written: No such file or directory"):
        pack(run, tmp_path / "nowhere" / "a.tar", checkpoints=False)
    pack(run, tmp_path / "a.tar", checkpoints=False)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file/in\n  cannot be written: Not a directory"):
        unpack(tmp_path / "a.tar", RunFolder(tmp_path / "file" / "in"))
