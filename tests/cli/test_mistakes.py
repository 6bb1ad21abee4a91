"""Whatever a person gets wrong: a sentence on stderr, an exit code, and never a traceback."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dnsearch.runs.folder import RunFolder


@pytest.fixture
def mistakes(dnsearch, tmp_path):
    """Things to stumble over, in the folder where the program runs."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.yaml").write_bytes(bytes(range(128, 256)))
    (tmp_path / "empty.yaml").write_text("")
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    (tmp_path / "half.yaml").write_text("version: 1\nnetwork: {growth_rate: [")
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "no.npz").write_bytes(b"no archive")
    data = "data: {source: npz, path: no.npz}"
    spec = (tmp_path / "spec.yaml").read_text()
    (tmp_path / "npz.yaml").write_text(spec.replace("data: {source: digits, training_examples: 200}", data))
    (tmp_path / "absent.yaml").write_text((tmp_path / "npz.yaml").read_text().replace("no.npz", "absent.npz"))
    np.save(tmp_path / "image.npy", np.zeros((8, 8)))
    return dnsearch


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("check sepc.yaml", 2, "no such file; did you mean spec.yaml?"),
        ("check startr", 2, "did you mean starter?"),
        ("check densenet-bc-100", 2, "no such preset or file; did you mean densenet-bc-100-12?"),
        ("check folder", 2, "expected a YAML file that can be read, found a folder"),
        ("check binary.yaml", 2, "expected UTF-8 text"),
        ("check empty.yaml", 2, "1 problem; nothing was run."),
        ("check list.yaml", 2, "expected a mapping with version, network, data and training"),
        ("check half.yaml", 2, "half.yaml:"),
        ("check", 2, "Missing argument"),
        ("check spec.yaml --set nonsense", 2, "expected path=value, such as network.growth_rate=24"),
        ("check spec.yaml --set network.growth_rate=-1", 2, "--set:1:21  network.growth_rate"),
        ("check spec.yaml --set network.grwth=1", 2, "unknown key; did you mean growth_rate?"),
        ("check spec.yaml --set epochs=3", 2, "unknown key; did you mean training.epochs?"),
        ('check spec.yaml --set training.epochs="3"', 2, "It is text; remove the quotes: 3"),
        ("check spec.yaml --set tune.parameters.pooling=[avg]", 2, "did you mean network.pooling?"),
        ("check spec.yaml --set", 2, "--set"),
        ("check npz.yaml", 3, "no.npz"),
        ("check absent.yaml", 3, "absent.npz"),
        ("inspect missing.yaml", 2, "missing.yaml"),
        ("inspect absent.yaml", 3, "absent.npz"),
        ("inspect spec.yaml --set network.layers_per_block=[1,1,1,1,1]", 2, "network.layers_per_block"),
        ("init spec.yaml", 2, "expected a new file, and this one exists"),
        ("init --preset nothing new.yaml", 2, "expected a preset's name"),
        ("init file/new.yaml", 2, "expected a place that can be written to"),
        ("init folder --force", 2, "Is a directory"),
        ("train", 2, "give a SPEC, or --resume RUN"),
        ("train spec.yaml --resume runs/tiny", 2, "give a SPEC, or --resume RUN"),
        ("train --resume missing", 4, "expected a run folder, with its run.json, found nothing"),
        ("train --resume folder", 4, "found a folder without run.json"),
        ("train spec.yaml --runs file", 4, "file\n  cannot be written: File exists"),
        ("train spec.yaml --runs /proc/runs", 4, "/proc/runs\n  cannot be written"),
        ("train absent.yaml", 3, "absent.npz"),
        ("train --set training.epochs=1", 2, "give a SPEC"),
        ("evaluate missing", 4, "expected a run folder"),
        ("evaluate folder --split nothing", 2, "nothing"),
        ("predict missing image.png", 4, "expected a run folder"),
        ("predict folder", 2, "Missing argument"),
        ("tune missing.yaml", 2, "missing.yaml"),
        (
            "tune article",
            2,
            "expected a tune section, found none in article\n  Add tune: with parameters:",
        ),
        ("tune spec.yaml --trials 0", 2, "--trials"),
        ("tune spec.yaml --workers 0", 2, "--workers"),
        ("tune spec.yaml --study a/b", 2, "letters, digits, dots, dashes and underscores make a name"),
        ("tune spec.yaml --study ..", 2, "letters, digits, dots, dashes and underscores make a name"),
        ("tune spec.yaml --runs file", 4, "file/tiny\n  cannot be written: Not a directory"),
        (
            "tune spec.yaml --storage nonsense",
            6,
            "--storage URL (it is not repeated here, since a password may be in it)\n  expected a database",
        ),
        (
            "tune spec.yaml --storage postgres://host/db",
            6,
            "Write postgresql+psycopg:// in place of postgres://",
        ),
        ("tune spec.yaml --storage mysql://host/db", 6, "mysql"),
        ("leaderboard foldr", 4, "Did you mean folder?"),
        ("check ~/nothing.yaml", 2, f"{Path.home()}/nothing.yaml no such file"),
        ("leaderboard", 4, "runs\n  expected a run, a study or a folder of runs, found nothing"),
        ("leaderboard file", 4, "found a file"),
        ("leaderboard folder --sort nothing", 2, "expected one of validation, validation_accuracy"),
        ("leaderboard folder --column nothing", 2, "expected one of rank, name, may_be_best, front"),
        ("leaderboard folder --top 0", 2, "--top"),
        ("leaderboard --study nothing", 4, "Runs are made by: dnsearch train SPEC, or dnsearch tune SPEC"),
        ("schema extra", 2, "extra"),
        ("nonsense", 2, "No such command 'nonsense'"),
        ("check spec.yaml --nonsense", 2, "No such option"),
        ("--nonsense", 2, "No such option"),
    ],
)
def test_a_mistake(mistakes, arguments, code, said):
    ran = mistakes(*arguments.split())
    assert ran.code == code, ran.err
    told = " ".join(ran.err.replace("│", " ").split())
    assert " ".join(said.split()) in told
    assert ran.out == "", "data goes to stdout, and there is none"
    assert "Traceback" not in ran.err


def test_a_mistake_leaves_no_run_behind(mistakes, tmp_path):
    mistakes("train", "absent.yaml")
    mistakes("train", "spec.yaml", "--set", "network.layers_per_block=[1,1,1,1,1]")
    assert not (tmp_path / "runs").exists() or list((tmp_path / "runs").iterdir()) == []


BROKEN = "data={source: npz, path: broken.npz, image_shape: [8, 8, 1], classes: 10}"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--set", "data={source: cifar10, path: nowhere}"], 3, "nowhere"),
        (["--set", BROKEN], 3, "broken.npz"),
        (["--set", "training.start_from=nowhere"], 4, "nowhere"),
    ],
)
def test_what_turns_out_to_be_missing_or_broken_leaves_no_run_behind(
    mistakes, tmp_path, tensorflow_ready, arguments, code, said
):
    np.savez(tmp_path / "broken.npz", x_train=np.zeros((9, 8, 8)), y_train=np.zeros(3))
    ran = mistakes("train", "starter", *arguments)
    assert ran.code == code, ran.err
    assert said in ran.err
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_is_gone_on_with_stays_when_its_data_is_gone(mistakes, tmp_path, tensorflow_ready):
    (tmp_path / "images").mkdir()
    images = np.random.default_rng(0).integers(0, 255, (60, 8, 8, 1), np.uint8)
    np.savez(tmp_path / "images" / "all.npz", x_train=images, y_train=np.arange(60) % 10)
    spec = (tmp_path / "npz.yaml").read_text().replace("path: no.npz}", f"path: {tmp_path}/images/all.npz}}")
    (tmp_path / "npz.yaml").write_text(spec.replace("batch_size: 50", "batch_size: 10"))
    assert mistakes("train", "npz.yaml", "--set", "training.epochs=1").code == 0
    folder = RunFolder(tmp_path / "runs" / "tiny")
    record = folder.read()
    folder.write(replace(record, state="interrupted"))
    (tmp_path / "images" / "all.npz").unlink()
    ran = mistakes("train", "--resume", "runs/tiny")
    assert ran.code == 3, ran.err
    assert folder.checkpoint.exists()
    assert RunFolder.open(folder.path).read().epochs == 1
