"""A full disk, a folder that nobody may write to, and used-up memory: said plainly, and gone on with."""

import contextlib
import os
import resource
import subprocess
import sys
from dataclasses import replace

import pytest
from run_files import arrays

from dnsearch.errors import RunError, TrainingError
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord
from dnsearch.runs.scan import scan
from dnsearch.spec.document import parse

SPEC = """\
version: 1
name: tiny
network: {growth_rate: 4, layers_per_block: [1], bottleneck_width: null, dropout: 0.2}
data: {source: digits, training_examples: 100}
training: {epochs: 3, batch_size: 32, learning_rate: 0.1}
"""

pytestmark = pytest.mark.xdist_group("run resumed")

PROGRAM = [sys.executable, "-c", "from dnsearch.cli.main import main; main()"]


def trained(folder, watch=lambda event: None):
    from dnsearch.train.run import run

    return run(planned_spec(parse(SPEC.encode(), "tiny.yaml")), folder, watch)


def after_first_epoch(act):
    def watch(event):
        if isinstance(event, EpochRecord) and event.epoch == 1:
            act()

    return watch


def contents(folder):
    """Everything in a folder but the lock."""
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.name != "lock"}


@pytest.fixture(scope="module")
def whole(tensorflow_ready, tmp_path_factory):
    """The run that had no trouble."""
    folder = RunFolder.create(tmp_path_factory.mktemp("whole"), "tiny")
    trained(folder)
    return folder


def check_goes_on(folder, whole):
    """The folder stands after its first epoch; a resume ends as if nothing had happened."""
    trained(folder)
    assert arrays(folder.weights) == arrays(whole.weights)
    assert arrays(folder.checkpoint) == arrays(whole.checkpoint)
    timeless = [
        [replace(epoch, wall_seconds=0, images_per_second=0) for epoch in each.epochs()]
        for each in (folder, whole)
    ]
    assert timeless[0] == timeless[1]
    assert (folder.read().state, folder.read().reason) == ("finished", "")


@pytest.fixture
def disk(tmp_path):
    """A disk of 1 MB of its own, and a function that leaves so many bytes of it free."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mounted)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a disk")

    def fill(free):
        state = os.statvfs(mounted)
        (mounted / "filler").write_bytes(bytes(state.f_bavail * state.f_bsize - free))

    try:
        yield mounted, fill
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


@pytest.mark.parametrize("free", [0, 8192])
def test_a_full_disk(tensorflow_ready, whole, disk, free):
    mounted, fill = disk
    folder = RunFolder.create(mounted, "tiny")
    before = {}

    def filled():
        before.update(contents(folder))
        fill(free)

    with pytest.raises(RunError) as caught:
        trained(folder, after_first_epoch(filled))
    assert str(caught.value) == (
        f"{folder.checkpoint}\n  cannot be written: No space left on device\n"
        "  Make room on the disk, or name another folder. What was written before is still there."
    )
    left = contents(folder)
    record = folder.read()
    if free:
        assert (record.state, record.reason, record.epochs) == ("failed", str(caught.value), 1)
        left["run.json"] = before["run.json"]
    else:  # not even that could be written
        assert [each.state for each in scan([folder.path]).records] == ["interrupted"]
    assert left == before
    (mounted / "filler").unlink()
    check_goes_on(folder, whole)


@pytest.mark.slow
def test_the_program_on_a_full_disk(disk, tmp_path):
    mounted, fill = disk
    (tmp_path / "tiny.yaml").write_text(SPEC, encoding="utf-8")
    fill(free=24_576)
    command = [*PROGRAM, "train", str(tmp_path / "tiny.yaml"), "--runs", str(mounted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "\n  cannot be written: No space left on device\n  Make room on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    record = RunFolder.open(mounted / "tiny").read()
    assert (record.state, record.epochs) == ("failed", 0)
    assert record.reason in done.stderr


@pytest.mark.parametrize("name", ["checkpoint.npz", "weights.npz", "epochs.jsonl"])
def test_a_file_that_may_not_grow(tensorflow_ready, whole, tmp_path, name):
    """A quota, or a file system with a limit; the write fails in the midst of the file."""
    folder = RunFolder.create(tmp_path, "tiny")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    armed = []

    def hook(event, arguments):
        if armed and event == "open" and str(arguments[1])[:1] in {"x", "a"}:
            meant = name in os.fsdecode(arguments[0])
            most = folder.epochs_file.stat().st_size + 100 if meant else limits[0]
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))

    sys.addaudithook(hook)
    try:
        with pytest.raises(RunError) as caught:
            trained(folder, after_first_epoch(lambda: armed.append(True)))
    finally:
        armed.clear()
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value).startswith(
        f"{folder.path / name}\n  cannot be written: File too large\n  Make room"
    )
    record = folder.read()
    assert (record.state, record.reason, record.epochs) == ("failed", str(caught.value), 1)
    check_goes_on(folder, whole)


@contextlib.contextmanager
def nobody():
    """Be a user who may do nothing, also where root runs the tests."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(was)


def test_a_folder_that_becomes_read_only(tensorflow_ready, whole, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")
    with contextlib.ExitStack() as stack:

        def closed():
            folder.path.chmod(0o555)
            stack.enter_context(nobody())

        with pytest.raises(RunError) as caught:
            trained(folder, after_first_epoch(closed))
    folder.path.chmod(0o755)
    assert str(caught.value).startswith(
        f"{folder.checkpoint}\n  cannot be written: Permission denied\n  Change"
    )
    assert [each.state for each in scan([folder.path]).records] == ["interrupted"]
    check_goes_on(folder, whole)


@pytest.mark.slow
def test_the_program_on_a_read_only_disk(tensorflow_ready, whole, disk):
    mounted, _ = disk
    folder = RunFolder.create(mounted, "tiny")
    trained(folder, after_first_epoch(lambda: None))
    record = folder.read()
    folder.write(replace(record, state="failed"))
    before = contents(folder)
    subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
    for command in (["--resume", str(folder.path)], ["starter", "--runs", str(mounted)]):
        done = subprocess.run([*PROGRAM, "train", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 4
        assert "cannot be written: Read-only file system\n  Change the permissions" in done.stderr
        assert "Traceback" not in done.stderr
    assert contents(folder) == before


def test_used_up_memory(tensorflow_ready, whole, tmp_path):
    folder = RunFolder.create(tmp_path, "tiny")

    def hook(event, arguments):
        if armed and event == "open" and ".checkpoint.npz." in os.fsdecode(arguments[0]):
            bytearray(2**62)

    armed = []
    sys.addaudithook(hook)
    with pytest.raises(TrainingError) as caught:
        trained(folder, after_first_epoch(lambda: armed.append(True)))
    armed.clear()
    hint = "A smaller training.batch_size needs less, and so does a smaller network."
    assert str(caught.value) == f"memory is used up while epoch 2 was saved.\n  {hint}"
    record = folder.read()
    assert (record.state, record.reason, record.epochs) == ("failed", str(caught.value), 1)
    check_goes_on(folder, whole)
