import gzip
import io
import tarfile

import pytest

from dnsearch.data import cifar_archive as archive
from dnsearch.data.cifar_archive import contents, md5
from dnsearch.errors import DataError

WANTED = frozenset({"a.bin", "b.bin"})


@pytest.fixture
def packed(tmp_path):
    """A function: members (name, content or a ready TarInfo) → a .tar.gz file."""

    def made(*members):
        path = tmp_path / "archive.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for member in members:
                match member:
                    case tarfile.TarInfo():
                        tar.addfile(member)
                    case (name, content):
                        info = tarfile.TarInfo(name)
                        info.size = len(content)
                        tar.addfile(info, io.BytesIO(content))
        return path

    return made


def special(kind, target=""):
    info = tarfile.TarInfo("set/a.bin")
    info.type, info.linkname = kind, target
    return info


def refusal(path, wanted=WANTED):
    with pytest.raises(DataError) as caught:
        contents(path, wanted)
    text = str(caught.value)
    assert text.startswith(str(path))
    return text


def test_wanted_files_are_read_from_a_folder(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"1")
    (tmp_path / "c.bin").write_bytes(b"3")
    assert contents(tmp_path, WANTED) == {"a.bin": b"1"}


def test_wanted_files_are_read_from_an_archive_without_writing(tmp_path, packed):
    folder = tarfile.TarInfo("set")
    folder.type = tarfile.DIRTYPE
    path = packed(folder, ("set/a.bin", b"1"), ("set/readme.html", b"0"), ("set/b.bin", b""))
    assert contents(path, WANTED) == {"a.bin": b"1", "b.bin": b""}
    assert list(tmp_path.rglob("*")) == [path]


def test_where_nothing_is_nothing_is_found(tmp_path):
    assert contents(tmp_path / "gone", WANTED) == {}
    (tmp_path / "a.bin").mkdir()
    assert contents(tmp_path, WANTED) == {}


@pytest.mark.parametrize("name", ["../escaped.bin", "set/../../escaped.bin", "/tmp/escaped.bin", ".."])
def test_entries_that_lead_outside_are_refused(tmp_path, packed, name):
    path = packed(("set/b.bin", b"2"), (name, b"payload"))
    assert f"expected entries within one folder, found {name}\n  Do not use it." in refusal(
        path, WANTED | {"escaped.bin"}
    )
    assert list(tmp_path.parent.rglob("escaped.bin")) == []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a special file"),
        (tarfile.BLKTYPE, "a special file"),
        (tarfile.FIFOTYPE, "a special file"),
        (tarfile.CONTTYPE, "a special file"),
    ],
)
def test_links_and_special_files_are_refused(tmp_path, packed, kind, said):
    (tmp_path / "secret").write_text("secret")
    path = packed(special(kind, str(tmp_path / "secret")))
    assert f"expected files and folders alone, found {said}, set/a.bin" in refusal(path)


def test_an_entry_that_says_it_is_enormous_is_refused(tmp_path):
    info = tarfile.TarInfo("set/a.bin")
    info.size = 2**40
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf()))
    assert "expected entries of at most 268,435,456 bytes, found set/a.bin of 1,099,511,627,776" in refusal(
        path
    )


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_BYTES", 2**20)
    info = tarfile.TarInfo("set/notes.txt")
    info.size = 2**20
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(2**22)))
    assert path.stat().st_size < 2**14
    assert "expected at most 1,048,576 bytes when unpacked, found more" in refusal(path)


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_long_headers_are_refused_before_tarfile_takes_them_apart(tmp_path, kind):
    info = tarfile.TarInfo("set/a.bin")
    info.type, info.size = kind, archive.MAX_HEADERS + 1
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(gzip.compress(info.tobuf() + bytes(2**21)))
    assert "found headers of more than 1,048,576 bytes" in refusal(path)


def test_many_entries_are_refused(packed):
    path = packed(*[(f"set/{number}", b"") for number in range(101)])
    assert "expected at most 100 entries, found more" in refusal(path)


def test_the_same_file_twice_is_refused(packed):
    assert "expected a.bin once, found it again" in refusal(packed(("x/a.bin", b"1"), ("y/a.bin", b"2")))


def test_archives_that_end_early_are_refused(tmp_path, packed):
    import numpy as np

    noise = np.random.default_rng(0).bytes(20_000)  # so that half of the archive is half of the file
    content = packed(("set/a.bin", noise)).read_bytes()
    path = tmp_path / "short.tar.gz"
    for end in (0, 5, 100, len(content) // 2, len(content) - 9):
        path.write_bytes(content[:end])
        assert "expected a whole .tar.gz archive, found" in refusal(path)
    path.write_bytes(gzip.compress(gzip.decompress(content)[:5000]))
    assert "expected a whole .tar.gz archive, found unexpected end of data" in refusal(path)


@pytest.mark.parametrize(
    "content", [b"no archive", gzip.compress(b"no archive" * 200, mtime=0)], ids=["text", "gzipped text"]
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "archive.tar.gz"
    path.write_bytes(content)
    assert "expected a whole .tar.gz archive, found" in refusal(path)


def test_huge_files_are_refused_unread(tmp_path):
    with (tmp_path / "a.bin").open("wb") as stream:
        stream.truncate(archive.MAX_BYTES + 1)
    with pytest.raises(DataError, match=r"a\.bin\n  expected at most 268,435,456 bytes, found 268,435,457"):
        contents(tmp_path, WANTED)


def test_the_md5_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert md5(tmp_path / "a") == "900150983cd24fb0d6963f7d28e17f72"
    with pytest.raises(DataError, match="expected a file that can be read, found No such file"):
        md5(tmp_path / "gone")
