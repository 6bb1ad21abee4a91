"""``dnsearch train``, ``evaluate`` and ``predict``: one run from its start to its use."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dnsearch import environment
from dnsearch.cli.progress import fitted
from dnsearch.runs.folder import RunFolder

PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]


def test_a_training_says_how_it_goes_and_what_comes_next(dnsearch, tensorflow_ready):
    ran = dnsearch("train", "spec.yaml")
    assert (ran.code, ran.out) == (0, "")
    first, *epochs, accuracy, following = ran.err.splitlines()
    assert first == "tiny → runs/tiny"
    assert [line[:9] for line in epochs] == ["epoch 1/2", "epoch 2/2"]
    assert accuracy.startswith("validation accuracy ")
    cores = environment.cores()
    assert accuracy.endswith(f" % at the last epoch, trained on {cores} cores")
    assert following == "next: dnsearch evaluate runs/tiny; dnsearch leaderboard runs"
    for part in ("spec.yaml", "resolved.yaml", "run.json", "epochs.jsonl", "weights.npz", "checkpoint.npz"):
        assert Path("runs/tiny", part).exists()

    board = dnsearch("leaderboard", "--json")
    (row,) = json.loads(board.out)
    assert (row["name"], row["state"], row["epochs"]) == ("tiny", "finished", 2)

    finished = dnsearch("train", "--resume", "runs/tiny")
    assert finished.code == 0
    assert [line for line in finished.err.splitlines() if line.startswith("epoch")] == []

    changed = dnsearch("train", "--resume", "runs/tiny", "--set", "training.epochs=3")
    assert changed.code == 2
    assert "--set cannot change a run that has begun; start a new one" in changed.err


def test_several_seeds_are_as_many_runs(dnsearch, tensorflow_ready):
    ran = dnsearch("train", "spec.yaml", "--seeds", "2", "--set", "training.epochs=1", "--json")
    assert ran.code == 0
    rows = json.loads(ran.out)
    assert [(row["name"], row["seed"]) for row in rows] == [("tiny-seed-0", 0), ("tiny-seed-1", 1)]
    alone = dnsearch("train", "spec.yaml", "--set", "training.seed=1", "--set", "training.epochs=1", "--json")
    assert json.loads(alone.out)["validation_accuracy"] == rows[1]["validation_accuracy"]
    second, third = (RunFolder(Path("runs") / name).weights for name in ("tiny-seed-1", "tiny"))
    with np.load(second) as after, np.load(third) as fresh:
        assert all(np.array_equal(after[name], fresh[name]) for name in fresh.files)


def test_what_the_machine_has_not_is_said_before_the_first_epoch(dnsearch, tensorflow_ready):
    if environment.gpus():
        pytest.skip("this machine has what is asked for")
    asked = ["--set", "training.devices=all", "--set", "training.precision=mixed_bfloat16"]
    ran = dnsearch("train", "spec.yaml", "--set", "training.epochs=1", *asked)
    assert ran.code == 0
    assert ran.err.splitlines()[1:4] == [
        f"no GPU found; training on {environment.cores()} cores",
        "  training.devices: all is the same as one here",
        "  training.precision: mixed_bfloat16 saves no time here",
    ]


@pytest.mark.parametrize(
    ("cards", "devices", "said"),
    [
        ([], "all", "2 cores"),
        (["L4", "L4"], "one", "L4"),
        (["L4", "L4"], "all", "2 × L4"),
        (["L4"], "all", "L4"),
    ],
)
def test_what_trained_a_run_in_words(run_folder, cards, devices, said, tmp_path):
    from dnsearch.cli.train_command import _summary

    hardware, settings = {"gpus": cards, "cores": 2}, {"training.devices": devices}
    folder = run_folder(tmp_path / "tiny", hardware=hardware, settings=settings)
    assert _summary(folder.read(), folder).partition("\n")[0].endswith(f"trained on {said}")


def test_json_is_alone_on_stdout_and_the_next_run_has_a_folder_of_its_own(trained):
    ran = trained("train", "spec.yaml", "--json", "--set", "training.epochs=1")
    found = json.loads(ran.out)
    assert (found["name"], found["state"], found["epochs"]) == ("tiny-2", "finished", 1)
    assert found["settings"]["training.epochs"] == 1
    assert "epoch 1/1" in ran.err


def test_a_loss_that_is_not_finite(dnsearch, tensorflow_ready):
    diverging = ["training.learning_rate=100", "training.optimizer={name: sgd, weight_decay: 0.5}"]
    ran = dnsearch("train", "spec.yaml", "--set", diverging[0], "--set", diverging[1])
    assert ran.code == 5
    assert "nothing more can be learned" in ran.err
    assert "Traceback" not in ran.err
    assert RunFolder(Path("runs/tiny")).read().state == "failed"


def test_evaluate(trained):
    ran = trained("evaluate", "runs/tiny")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("tiny: 359 test images ")
    assert "95 % interval" in ran.out
    ran = trained("evaluate", "runs/tiny", "--json", "--confusion", "confusion.png")
    assert ran.err == "drew confusion.png\n"
    assert Path("confusion.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads(ran.out)
    assert list(found) == [
        *("name", "split", "tta", "examples", "plain_calibration_error"),
        *("accuracy", "top5_accuracy", "loss", "calibration_error", "intervals", "classes", "confusion"),
    ]
    assert list(found["intervals"])[-2:] == ["accuracy_wilson", "calibrated"]
    assert found["tta"] is None
    assert (found["name"], found["split"], found["examples"]) == ("tiny", "test", 359)
    (row,) = json.loads(trained("leaderboard", "--json").out)
    assert row["test_accuracy"] == found["accuracy"], "the leaderboard shows what was measured"
    held_out = json.loads(trained("evaluate", "runs/tiny", "--split", "validation", "--json").out)
    assert held_out["accuracy"] == pytest.approx(row["validation_accuracy"])


def test_test_time_augmentation_is_always_said(trained):
    before = RunFolder(Path("runs/tiny")).record.read_bytes()
    ran = trained("evaluate", "runs/tiny", "--tta", "flip,shifts")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("tiny: 359 test images with --tta flip,shifts ")
    found = json.loads(trained("evaluate", "runs/tiny", "--tta", "flip", "--json").out)
    assert found["tta"] == "flip"
    assert RunFolder(Path("runs/tiny")).record.read_bytes() == before
    assert trained("evaluate", "runs/tiny", "--tta", "turns").code == 2


def test_a_confusion_matrix_is_drawn_as_png_alone(dnsearch):
    for file, found in (("confusion.svg", ".svg"), ("confusion", "one without an ending")):
        ran = dnsearch("evaluate", "runs/tiny", "--confusion", file)
        assert (ran.code, ran.out) == (2, "")
        assert f"a file that ends in .png, not {found}" in " ".join(ran.err.replace("│", " ").split())


def test_predict(trained):
    Image.fromarray(np.full((8, 8), 200, np.uint8)).save("one.png")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("two.png")
    ran = trained("predict", "runs/tiny", "one.png", "two.png")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.out.splitlines()] == ["one.png", "two.png"]
    assert ran.out.splitlines()[0].count(" %") == 3
    found = json.loads(trained("predict", "runs/tiny", "one.png", "--json", "--top", "10").out)
    assert [each["image"] for each in found] == ["one.png"]
    odds = list(found[0]["classes"].values())
    assert sum(odds) == pytest.approx(1, abs=1e-5)
    assert odds == sorted(odds, reverse=True)

    (Path("photos") / "more").mkdir(parents=True)
    for name in ("photos/a.png", "photos/more/b.PNG"):
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(name)
    Path("photos/notes.txt").write_text("no image")
    heading, *rows = trained("predict", "tiny", "photos", "--top", "2").out.splitlines()
    assert heading == "image,class_1,share_1,class_2,share_2"
    assert [row.split(",")[0] for row in rows] == ["photos/a.png", "photos/more/b.PNG"]
    Path("empty").mkdir()
    nothing = trained("predict", "tiny", "empty")
    assert (nothing.code, nothing.out) == (3, "")
    assert "expected images ending in .png, .jpg, .jpeg, found none" in nothing.err

    Path("text.png").write_text("no image")
    broken = trained("predict", "runs/tiny", "text.png")
    assert broken.code == 3
    assert "text.png\n  expected a PNG or JPEG image" in broken.err
    os.mkfifo("pipe.png")
    Path("endless.png").symlink_to("/dev/zero")
    for name in ("pipe.png", "endless.png"):
        special = trained("predict", "runs/tiny", "one.png", name)
        assert (special.code, special.out) == (3, "")
        assert f"{name}\n  expected a PNG or JPEG image, found a pipe, socket or device" in special.err


def test_a_run_without_weights(dnsearch, tensorflow_ready, run_folder):
    run_folder(Path("runs/tiny"), None, state="failed")
    ran = dnsearch("evaluate", "runs/tiny")
    assert ran.code == 4
    assert "runs/tiny" in ran.err
    assert "Traceback" not in ran.err


def until_epochs(folder: RunFolder, number: int) -> None:
    until = time.monotonic() + 60
    while not folder.epochs_file.exists() or len(folder.epochs()) < number:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_ctrl_c_and_resume(dnsearch, tensorflow_ready, tmp_path):
    folder = RunFolder(tmp_path / "runs/tiny")
    command = [*PROGRAM, "train", "spec.yaml", "--set", "training.epochs=500"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until_epochs(folder, 2)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    done = len(folder.epochs())
    assert process.returncode == 130
    assert "stopping after this batch…" in said
    assert said.endswith(f"interrupted after {done} epochs\nnext: dnsearch train --resume runs/tiny\n")
    assert "Traceback" not in said
    record = folder.read()
    assert (record.state, record.reason, record.epochs) == ("interrupted", "stopped by Ctrl-C", done)
    assert "epochs: 500" in folder.resolved.read_text()

    def press() -> None:
        until_epochs(folder, done + 1)
        os.kill(os.getpid(), signal.SIGINT)

    person = threading.Thread(target=press)
    person.start()
    resumed = dnsearch("train", "--resume", "runs/tiny")
    person.join()
    assert resumed.code == 130
    first = next(line for line in resumed.err.splitlines() if line.startswith("epoch"))
    assert first.startswith(f"epoch {done + 1:>3}/500")
    numbers = [epoch.epoch for epoch in folder.epochs()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) > done


def test_ctrl_c_before_anything_has_begun_leaves_nothing_behind(dnsearch, tmp_path):
    process = subprocess.Popen(
        [*PROGRAM, "train", "spec.yaml"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr.readline() == "tiny → runs/tiny\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not (tmp_path / "runs/tiny").exists()


def test_an_epoch_s_line_loses_what_has_no_room():
    line = (
        "epoch  1/20  training 35.90 % (loss 1.9286)  validation 34.03 % (loss 2.4898)  1.5 s  1,938 images/s"
    )
    assert fitted(line, 200) == line
    assert fitted(line, 90).endswith("  1.5 s")
    assert fitted(line, 80).endswith("(loss 2.4898)")
    assert len(fitted(line, 80)) <= 80
    assert fitted("unbreakable", 5) == "unbreakable"
