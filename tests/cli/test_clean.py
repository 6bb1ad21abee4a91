"""The ``clean`` program: what it tells and what it leaves."""

import json
from pathlib import Path

import pytest

from dnsearch.runs.cleaning import heavy
from dnsearch.runs.folder import RunFolder

SETTINGS = {"network.family": "densenet"}


@pytest.fixture
def study(run_folder, dnsearch):
    """A study of three finished trials, each with weights of 1,000 bytes."""
    folders = []
    for number in range(3):
        path = Path("runs/tiny") / f"trial-{number:04d}"
        folders.append(run_folder(path, 0.5 + number / 10, study="tiny", trial=number, settings=SETTINGS))
        folders[-1].weights.write_bytes(bytes(1000))
    return folders


def test_it_tells_every_file_and_the_sum(dnsearch, study):
    ran = dnsearch("clean", "--keep", 1, "--dry-run")
    why = "(weights of a trial that is not among the best)"
    assert ran.code == 0
    assert ran.out.splitlines() == [
        f"    1.0 kB  runs/tiny/trial-000{number}/weights.npz  {why}" for number in (0, 1)
    ]
    assert ran.err == "would remove 2 files, 2.0 kB\n"
    assert all(folder.weights.exists() for folder in study)


def test_it_removes(dnsearch, study):
    ran = dnsearch("clean", "runs/tiny", "--keep", 2, "--json")
    assert json.loads(ran.out) == {
        "removed": True,
        "bytes": 1000,
        "files": [
            {
                "path": "runs/tiny/trial-0000/weights.npz",
                "bytes": 1000,
                "why": "weights of a trial that is not among the best",
            }
        ],
    }
    assert [folder.weights.exists() for folder in study] == [False, True, True]
    assert dnsearch("clean", "--keep", 2).err == "removed 0 files, 0 B\n"


def test_links_to_folders_are_not_followed(dnsearch, study, tmp_path):
    """A study, a trial, a folder of runs and a folder in a trial that are elsewhere in truth."""
    outside = tmp_path / "outside"
    Path("runs/tiny").rename(outside)
    Path("runs/tiny").mkdir()
    for number in range(2):
        Path(f"runs/tiny/trial-000{number}").symlink_to(outside / f"trial-000{number}")
    (outside / "trial-0002").rename("runs/tiny/trial-0002")
    Path("runs/tiny/trial-0002/inside").symlink_to(outside)
    Path("runs/linked").symlink_to(outside)
    (outside / ".half.tmp").touch()
    before = sorted(outside.rglob("*"))
    assert (
        dnsearch("clean", "--keep", 1).err == dnsearch("clean", "runs/tiny").err == "removed 0 files, 0 B\n"
    )
    ran = dnsearch("clean", "runs/linked", "--keep", 1)
    assert ran.code == 4
    assert ran.err.startswith("runs/linked\n  expected a folder, found a symbolic link to one\n")
    assert f"name the folder itself: dnsearch clean {outside}\n" in ran.err
    assert heavy(RunFolder(Path("runs/tiny/trial-0000"))) == []
    assert sorted(outside.rglob("*")) == before


def test_a_trial_that_lost_its_weights_says_how_to_get_them_back(dnsearch, study, tensorflow_ready):
    dnsearch("clean", "--keep", 1)
    for command in (["evaluate", "runs/tiny/trial-0000"], ["predict", "runs/tiny/trial-0000", "image.png"]):
        ran = dnsearch(*command)
        assert ran.code == 4
        assert ran.err == (
            "runs/tiny/trial-0000\n"
            "  expected weights.npz, found no file: of a study's trials only the best keep their weights "
            "(tune.keep)\n"
            "  Train it again: dnsearch train runs/tiny/trial-0000/resolved.yaml\n"
        )


def test_no_folder(dnsearch):
    ran = dnsearch("clean")
    assert ran.code == 4
    assert "runs\n  expected a run, a study or a folder of runs, found nothing" in ran.err
