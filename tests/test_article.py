"""The article's experiment as it stands: its whole network, on files like those of CIFAR-10."""

import json
import math
import pickle

import numpy as np
import pytest

from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.spec.document import load

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@pytest.fixture
def cifar10(tmp_path):
    """A folder like cifar-10-batches-py with 30 images in each file."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for seed, name in enumerate([*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]):
        batch = {
            "batch_label": name,
            "labels": [image % 10 for image in range(30)],
            "data": np.random.default_rng(seed).integers(0, 256, (30, 3072), dtype=np.uint8),
            "filenames": [f"{name}_{image}.png" for image in range(30)],
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    meta = {"num_cases_per_batch": 30, "label_names": CLASSES, "num_vis": 3072}
    (folder / "batches.meta").write_bytes(pickle.dumps(meta, protocol=2))
    return folder


@pytest.mark.slow
def test_one_epoch_on_cifar10(tensorflow_ready, cifar10, tmp_path):
    from dnsearch.train.run import run

    document = load("article", [f"data.path={cifar10}", "training.epochs=1"])
    folder, steps = RunFolder.create(tmp_path, "article"), []
    record = run(planned_spec(document), folder, steps.append)
    assert record.state == "finished"
    assert record.parameters.total == 504_052
    assert [event.step for event in steps[:-1]] == [1, 2]  # 100 images and 35
    (epoch,) = folder.epochs()
    assert epoch.learning_rate == 0.001
    assert (epoch.training.examples, epoch.validation.examples) == (135, 15)
    assert math.isfinite(epoch.validation.loss)
    assert epoch.validation == record.last == record.best
    assert json.loads(folder.preprocessing.read_bytes()) == {
        "scaling": {"offset": [0.0] * 3, "scale": [255.0] * 3},
        "image_shape": [32, 32, 3],
        "class_names": CLASSES,
    }
