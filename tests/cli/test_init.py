"""``dnsearch init``."""

from pathlib import Path

import pytest

from dnsearch.spec import presets


def test_a_new_spec_is_the_starter_and_valid(dnsearch, tmp_path):
    (tmp_path / "spec.yaml").unlink()
    ran = dnsearch("init")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == (
        "wrote spec.yaml\n"
        "next: dnsearch check spec.yaml; dnsearch inspect spec.yaml; dnsearch train spec.yaml\n"
    )
    assert (tmp_path / "spec.yaml").read_bytes() == presets.content("starter")
    assert dnsearch("check", "spec.yaml").code == 0


@pytest.mark.parametrize("preset", presets.names())
def test_every_preset_can_be_started_from(dnsearch, tmp_path, preset):
    assert dnsearch("init", "new.yaml", "--preset", preset).code == 0
    assert (tmp_path / "new.yaml").read_bytes() == presets.content(preset)
    assert dnsearch("check", "new.yaml").code == 0


def test_folders_on_the_way_are_made(dnsearch, tmp_path):
    assert dnsearch("init", "a/b/new.yaml").code == 0
    assert (tmp_path / "a/b/new.yaml").exists()


def test_what_exists_is_kept(dnsearch, tmp_path):
    before = (tmp_path / "spec.yaml").read_text()
    ran = dnsearch("init", "spec.yaml")
    assert ran.code == 2
    assert ran.err.startswith("spec.yaml\n  expected a new file, and this one exists\n")
    assert "  Choose another name, or overwrite it with --force." in ran.err
    assert (tmp_path / "spec.yaml").read_text() == before


@pytest.mark.parametrize(
    ("words", "files"),
    [
        ("draw starter -o mine.png", ["mine.png"]),
        ("data starter --samples 1 --out mine.png", ["mine.png"]),
        ("evaluate runs/net --confusion mine.png", ["mine.png"]),
        ("predict runs/net a.png b.png", ["b.mask.png", "a.overlay.png"]),
        ("predict runs/net a.png --out masks", ["masks/a.mask.png"]),
    ],
)
def test_pictures_and_masks_that_exist_are_kept(dnsearch, run_folder, words, files):
    run_folder(Path("runs/net"), settings={"network.family": "unet"})
    for file in map(Path, files):
        file.parent.mkdir(exist_ok=True)
        file.symlink_to("/nowhere/mine")
    ran = dnsearch(*words.split())
    assert (ran.code, ran.out) == (2, "")
    for file in files:
        assert f"{file}\n  expected a new file, and this one exists\n" in ran.err
    assert "  Choose another name, or overwrite it with --force." in ran.err
    assert f"{len(files)} problem" in ran.err
    if "predict" not in words and "evaluate" not in words:
        Path(files[0]).unlink()
        assert [dnsearch(*words.split(), *more).code for more in ([], [], ["--force"])] == [0, 2, 0]


def test_force_overwrites(dnsearch, tmp_path):
    assert dnsearch("init", "spec.yaml", "--force").code == 0
    assert (tmp_path / "spec.yaml").read_bytes() == presets.content("starter")


def test_an_unknown_preset_is_told_the_known_ones(dnsearch):
    ran = dnsearch("init", "new.yaml", "--preset", "articl")
    assert ran.code == 2
    assert ran.err.startswith("--preset\n  expected a preset's name\n  did you mean article?")


def test_a_place_that_cannot_be_written_to(dnsearch, tmp_path):
    (tmp_path / "file").write_text("")
    ran = dnsearch("init", "file/new.yaml")
    assert ran.code == 2
    assert ran.err.startswith("file/new.yaml\n  expected a place that can be written to: ")
