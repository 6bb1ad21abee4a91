"""What of the Ray executor needs no cluster: letters, files that come home, shares. The rest: tests/scale."""

import asyncio
from pathlib import Path

import pytest

from dnsearch.errors import StudyError
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import Stop

ray_executor = pytest.importorskip("dnsearch.search.ray_executor")

FILES = {
    "spec.yaml": b"spec",
    "resolved.yaml": b"resolved",
    "checkpoint.npz": b"second",
    "epochs.jsonl": b"epochs",
    "weights.npz": b"weights",
    "run.json": b"record",
}


def test_a_letter_that_asks_is_answered_and_one_that_tells_is_not():
    place = Path("trial-0000")
    first, second = (ray_executor.Letter((place, number), None) for number in range(2))

    async def exchange():
        mailbox = ray_executor.Mailbox()
        assert await mailbox.take(0.01) == []
        asking = asyncio.create_task(mailbox.ask(first))
        await mailbox.post(second)
        letters = await mailbox.take(1)
        letters += await mailbox.take(0.01)
        assert sorted(letters, key=lambda letter: letter.attempt) == [first, second]
        await mailbox.answer((place, 1), None)
        assert not asking.done()
        await mailbox.answer((place, 0), Stop("paused", "waits"))
        return await asking

    assert asyncio.run(exchange()) == Stop("paused", "waits")


def test_files_that_come_home_replace_those_of_before_and_one_checkpoint_is_kept(tmp_path):
    folder = RunFolder(tmp_path)
    folder.checkpoint.write_bytes(b"first")
    ray_executor.bring_home(FILES | {"../evil": b"", "study.db": b""}, folder)
    assert folder.previous_checkpoint.read_bytes() == b"first"
    assert ray_executor.packed(folder) == FILES
    names = {*FILES, "checkpoint.previous.npz"}
    assert {path.name for path in tmp_path.iterdir()} == names, "no other file, and no half one"


@pytest.mark.parametrize("step", range(1, 7))
def test_a_kill_while_files_come_home_leaves_what_can_be_gone_on_with(tmp_path, monkeypatch, step):
    """Whatever was written last: epochs are only where their checkpoint is."""
    folder, written = RunFolder(tmp_path), []

    def dies(path, content):
        written.append(path.name)
        if len(written) == step:
            raise KeyboardInterrupt
        path.write_bytes(content)

    monkeypatch.setattr(ray_executor, "atomic_write", dies)
    with pytest.raises(KeyboardInterrupt) if step <= 5 else pytest.MonkeyPatch.context():
        ray_executor.bring_home(FILES, folder)
    assert folder.checkpoint.exists() or not folder.epochs_file.exists()


def test_a_trial_s_share_fits_on_the_smallest_node_that_has_processors():
    nodes = [{"CPU": 0.0}, {"CPU": 2.0}, {"CPU": 8.0}]
    assert ray_executor.share(nodes, workers=1, gpus_per_trial=1) == (2, 0.0)
    assert ray_executor.share(nodes, workers=5, gpus_per_trial=1) == (2, 0.0)
    assert ray_executor.share(nodes, workers=50, gpus_per_trial=1) == (1, 0.0)


def test_more_gpus_than_any_node_has_are_refused():
    with pytest.raises(StudyError) as caught:
        ray_executor.share([{"CPU": 1.0, "GPU": 2.0}], workers=1, gpus_per_trial=4)
    assert str(caught.value) == (
        "tune.gpus_per_trial\n  expected at most 2, the GPUs of the cluster's largest node, found 4"
    )
