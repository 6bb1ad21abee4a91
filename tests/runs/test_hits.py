"""Which images were right, kept in a file that NumPy reads and the leaderboard reads without it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dnsearch.runs.hits import Hits, read_hits, write_hits

RIGHT = np.random.default_rng(0).random(1001) < 0.9
HITS = Hits(np.packbits(RIGHT).tobytes(), 1001, images=2**32 - 1)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    write_hits(tmp_path / "hits.npz", {"last": HITS, "test": Hits(b"\xc0", 3, 5)})
    return tmp_path / "hits.npz"


def test_they_come_back_as_they_were(file: Path) -> None:
    assert read_hits(file) == {"last": HITS, "test": Hits(b"\xc0", 3, 5)}
    assert HITS.right == RIGHT.sum()


def test_numpy_reads_them_too(file: Path) -> None:
    with np.load(file) as arrays:
        assert sorted(arrays) == ["last", "last_of", "test", "test_of"]
        assert (np.unpackbits(arrays["last"])[:1001] == RIGHT).all()
        assert arrays["last_of"].tolist() == [1001, 2**32 - 1]


def test_what_numpy_wrote_is_read(tmp_path: Path) -> None:
    about = np.array([1001, 7], np.int64)
    np.savez(tmp_path / "hits.npz", best=np.packbits(RIGHT), best_of=about)
    assert read_hits(tmp_path / "hits.npz") == {"best": Hits(HITS.bits, 1001, 7)}


def test_reading_them_takes_no_numpy(file: Path) -> None:
    code = "import sys; from dnsearch.runs.hits import read_hits; from pathlib import Path; "
    code += f"sys.exit(len(read_hits(Path({str(file)!r}))) != 2 or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_a_run_of_an_earlier_version_has_none(tmp_path: Path) -> None:
    assert read_hits(tmp_path / "hits.npz") == {}


@pytest.mark.parametrize("size", [0, 1, 50, 200, 600])
def test_half_a_file_has_none(file: Path, size: int) -> None:
    file.write_bytes(file.read_bytes()[:size])
    assert read_hits(file) == {}


def test_bytes_that_were_changed_are_no_hits(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[content.index(HITS.bits) + 3] ^= 1
    file.write_bytes(content)
    assert read_hits(file) == {}


@pytest.mark.parametrize("about", [[1001], [5000, 1], [-8, 1]], ids=str)
def test_counts_that_do_not_fit_are_no_hits(tmp_path: Path, about: list[int]) -> None:
    np.savez(tmp_path / "hits.npz", last=np.packbits(RIGHT), last_of=np.array(about, np.int64))
    assert read_hits(tmp_path / "hits.npz") == {}


def test_a_file_that_would_fill_the_memory_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hits.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("last.npy", bytes(2**20))
        archive.writestr("last_of.npy", b"")
    assert read_hits(tmp_path / "hits.npz") == {}
