"""Pipes, devices and sockets in the place of any file that a person names or a run has: refused at once."""

from functools import partial

import pytest
import special_files

from dnsearch import input_files
from dnsearch.errors import DnsearchError
from dnsearch.runs.folder import RunFolder, read_study
from dnsearch.spec.document import load


@pytest.fixture(params=special_files.KINDS)
def special(request):
    """A function: puts such a file where a path says."""
    return partial(special_files.special, request.param)


def refused(read, *arguments):
    with pytest.raises(DnsearchError) as caught:
        read(*arguments)
    return str(caught.value)


def test_only_regular_files_are_opened(special, tmp_path):
    with pytest.raises(OSError, match=r"a pipe, socket or device|No such device"):
        input_files.opened(special(tmp_path / "a"))


def test_no_more_is_read_than_fits(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"12345")
    assert input_files.content(tmp_path / "a") == b"12345"
    monkeypatch.setattr(input_files, "MOST_BYTES", 4)
    with pytest.raises(OSError, match="more than 4 bytes"):
        input_files.content(tmp_path / "a")


def test_a_spec_and_what_it_extends(special, tmp_path):
    assert "a YAML file that can be read" in refused(load, str(special(tmp_path / "a.yaml")))
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    assert "a YAML file that can be read" in refused(load, str(tmp_path / "b.yaml"))


def test_the_files_of_runs_and_studies(special, tmp_path):
    folder = RunFolder(tmp_path)
    for path, read in (
        (folder.record, folder.read),
        (folder.epochs_file, folder.epochs),
        (folder.start, folder.afresh),
        (tmp_path / "study.json", lambda: read_study(tmp_path)),
    ):
        special(path)
        assert refused(read).startswith(f"{path}\n  cannot be read: ")
