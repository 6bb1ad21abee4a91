"""One door for input files: only regular ones are opened, and what goes wrong is told with the path."""

import zlib
from pathlib import Path

import pytest
from special_files import KINDS, special

from dnsearch.data.data_files import reading, refuse
from dnsearch.data.sources import load
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data


def text_of(path, block=lambda stream: stream.read(), **fields):
    with pytest.raises(DataError) as caught, reading(path, "a file", "Get it again.", **fields) as stream:
        block(stream)
    return str(caught.value)


def raising(error):
    def block(stream):
        raise error

    return block


def test_a_file_is_read_also_through_a_link(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    (tmp_path / "b").symlink_to("a")
    for name in "ab":
        with reading(tmp_path / name, "a file", most_bytes=7) as stream:
            assert stream.read() == b"content"


def test_larger_files_are_refused_unread(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    text = text_of(tmp_path / "a", raising(AssertionError("read")), most_bytes=6)
    assert text == f"{tmp_path / 'a'}\n  expected at most 6 bytes, found 7\n  Get it again."


def test_missing_files_and_folders_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    expected = f"{tmp_path}/gone\n  expected a file, found No such file or directory\n  Get it again."
    assert text_of(Path("gone")) == expected
    assert "expected a file, found Is a directory" in text_of(tmp_path)


@pytest.mark.parametrize(
    ("error", "found"),
    [(zlib.error("Error -3"), "Error -3"), (EOFError(), "EOFError"), (ValueError("x" * 999), "x" * 200)],
)
def test_what_goes_wrong_while_reading_is_refused(tmp_path, error, found):
    (tmp_path / "a").touch()
    expected = f"{tmp_path / 'a'}\n  expected a file, found {found}\n  Get it again."
    assert text_of(tmp_path / "a", raising(error)) == expected


def test_refusals_and_want_of_memory_are_passed_on(tmp_path):
    (tmp_path / "a").touch()
    assert text_of(tmp_path / "a", raising(refuse("here", "more"))) == "here\n  more"
    with pytest.raises(MemoryError), reading(tmp_path / "a", "a file"):
        raise MemoryError


@pytest.mark.parametrize("kind", KINDS)
def test_special_files_are_refused_unread(tmp_path, kind):
    text = text_of(special(kind, tmp_path / "a"), raising(AssertionError("read")))
    assert text.startswith(f"{tmp_path / 'a'}\n  expected a")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("source", "fixture", "file"),
    [
        ("npz", "saved", "images.npz"),
        ("idx", "mnist", "train-images-idx3-ubyte.gz"),
        ("svhn", "house_numbers", "train_32x32.mat"),
        ("cifar10", "cifar10", "data_batch_3"),
        ("folder", "flowers", "rose/1.jpg"),
        ("csv", "listed", "list.csv"),
    ],
)
def test_every_source_refuses_special_files(request, tmp_path, source, fixture, file, kind):
    folder = request.getfixturevalue(fixture)
    shape = (8, 6, 3) if source in {"folder", "csv"} else None
    path = str(folder / file) if source in {"npz", "csv"} else str(folder)
    data = Data(source=source, path=path, image_shape=shape)
    assert len(load(data).training)
    special(kind, folder / file)
    with pytest.raises(DataError) as caught:
        load(data)
    assert str(caught.value).startswith(f"{folder / file}\n  expected ")


@pytest.fixture
def saved(arrays, save_npz):
    return save_npz(arrays).parent


@pytest.fixture
def listed(flowers):
    """The flowers with a list of them."""
    rows = [f"{path.relative_to(flowers)},{path.parent.name}" for path in sorted(flowers.glob("*/*.*"))]
    (flowers / "list.csv").write_text("\n".join(["path,label", *rows]))
    return flowers
