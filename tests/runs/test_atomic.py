import io
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dnsearch.errors import RunError
from dnsearch.runs.atomic import atomic_write, reading, replacing


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 1000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_holds_the_content_and_nothing_else_is_left(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.json", b"one")
    assert (tmp_path / "a.json").read_bytes() == b"one"
    assert names(tmp_path) == ["a.json"]


def test_an_old_file_is_replaced_whole(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"a much longer text")
    atomic_write(tmp_path / "a.json", b"two")
    assert (tmp_path / "a.json").read_bytes() == b"two"


def test_a_reader_keeps_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"old")
    with (tmp_path / "a.json").open("rb") as reader:
        atomic_write(tmp_path / "a.json", b"new")
        assert reader.read() == b"old"


def test_the_file_has_the_permissions_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    atomic_write(tmp_path / "a.json", b"")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_numpy_can_write_into_it(tmp_path: Path) -> None:
    with replacing(tmp_path / "weights.npz") as handle:
        np.savez(handle, kernel=np.arange(6.0).reshape(2, 3))
    with np.load(io.BytesIO((tmp_path / "weights.npz").read_bytes())) as arrays:
        assert arrays["kernel"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def test_nothing_is_seen_before_the_end(tmp_path: Path) -> None:
    with replacing(tmp_path / "a") as handle:
        handle.write(b"half")
        handle.flush()
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_writer_leaves_the_old_file_alone(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(error), replacing(tmp_path / "a") as handle:
        handle.write(b"new")
        raise error
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("small_disk")
def test_a_file_that_does_not_fit_says_so_and_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(RunError) as caught:
        atomic_write(tmp_path / "a", b"x" * 100_000)
    assert str(caught.value) == (
        f"{tmp_path}/a\n  cannot be written: File too large\n"
        "  Make room on the disk, or name another folder. What was written before is still there."
    )
    assert (tmp_path / "a").read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_full_disk_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught, replacing(tmp_path / "a"), Path("/dev/full").open("wb") as full:
        full.write(b"x")
    assert "cannot be written: No space left on device\n  Make room on the disk" in str(caught.value)
    assert names(tmp_path) == []


def test_a_read_only_folder_says_so(unprivileged: Path) -> None:
    with pytest.raises(RunError) as caught:
        atomic_write(unprivileged / "a", b"")
    assert "cannot be written: Permission denied\n  Change the permissions, or name" in str(caught.value)


def test_a_file_in_the_place_of_the_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(b"")
    with pytest.raises(RunError) as caught:
        atomic_write(tmp_path / "runs" / "a", b"")
    assert "cannot be written: Not a directory\n  A file is where a folder should be" in str(caught.value)


def test_a_folder_in_the_place_of_the_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(RunError, match="cannot be written: Is a directory"):
        atomic_write(tmp_path / "a", b"")
    assert names(tmp_path) == ["a"]


def test_a_folder_that_is_gone_says_so(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"No such file or directory\n  It was moved or removed meanwhile\."):
        atomic_write(tmp_path / "gone" / "a", b"")


def test_reading_says_which_file(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught, reading(tmp_path):
        tmp_path.read_bytes()
    assert str(caught.value).startswith(f"{tmp_path}\n  cannot be read: Is a directory\n  A file is where")


def test_a_reason_that_needs_no_advice_gets_none(tmp_path: Path) -> None:
    with pytest.raises(RunError) as caught, reading(tmp_path / "a"):
        raise TimeoutError(110, "Connection timed out")
    assert str(caught.value) == f"{tmp_path}/a\n  cannot be read: Connection timed out"
