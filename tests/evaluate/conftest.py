"""Runs that know something, and what they are asked."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from dnsearch.data.sources import load
from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.spec.document import parse

DIGITS = """\
version: 1
name: digits
network: {growth_rate: 8, layers_per_block: [2, 2], dropout: 0.2}
data: {source: digits}
training: {epochs: 4, batch_size: 32, learning_rate: 0.1, schedule: cosine}
"""
COLOURS = """\
version: 1
name: colours
network: {growth_rate: 2, layers_per_block: [1]}
data: {source: folder, path: PATH, image_shape: [6, 4, 3], validation_fraction: 0.25}
training: {epochs: 1, batch_size: 8, learning_rate: 0.1}
"""


def train(text, folder, watch):
    from dnsearch.train.run import run

    document = parse(text.encode(), "spec.yaml")
    run(planned_spec(document), folder, watch)
    return document


@pytest.fixture(scope="session")
def train_digits(tensorflow_ready):
    """A function: folder and watch → what a training on the digits leaves there."""
    return lambda folder, watch=lambda event: None: train(DIGITS, folder, watch)


@pytest.fixture(scope="session")
def train_colours(tensorflow_ready):
    """A function: images, folder, changes of the spec and watch → what a training leaves in the folder."""

    def trained(images, folder, *changes, watch=lambda event: None):
        text = COLOURS.replace("PATH", str(images))
        for old, new in changes:
            text = text.replace(old, new)
        return train(text, folder, watch)

    return trained


@pytest.fixture(scope="package")
def digits(train_digits, tmp_path_factory):
    """A run that knows the digits, and its data."""
    folder = RunFolder.create(tmp_path_factory.mktemp("runs"), "digits")
    return folder, load(train_digits(folder).experiment.data)


@pytest.fixture(scope="package")
def drawings(tmp_path_factory):
    """300 of scikit-learn's digits as PNGs that a person can see: 0 is black, 255 white; and their labels."""
    root, bunch = tmp_path_factory.mktemp("drawings"), load_digits()
    paths = []
    for number, pixels in enumerate(bunch.images[:300]):
        paths.append(root / f"{number:03d}.png")
        Image.fromarray(np.round(pixels * 255 / 16).astype(np.uint8)).save(paths[-1])
    return paths, bunch.target[:300]


def write_colours(images):
    """A folder of 8 red and 8 green images."""
    for name, colour in (("green", (0, 200, 0)), ("red", (200, 0, 0))):
        (images / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (4, 6), colour).save(images / name / f"{number}.png")
    return images


@pytest.fixture
def colour_images(tmp_path):
    return write_colours(tmp_path / "images")


@pytest.fixture(scope="package")
def trained_colours(train_colours, tmp_path_factory):
    place = tmp_path_factory.mktemp("colours")
    folder = RunFolder.create(place, "colours")
    train_colours(write_colours(place / "images"), folder)
    return folder


@pytest.fixture
def colours(trained_colours, colour_images, tmp_path):
    """A run on a folder of 8 red and 8 green images, without test images; and the folder."""
    folder = RunFolder(tmp_path / "colours")
    shutil.copytree(trained_colours.path, folder.path)
    for spec in (folder.path / "spec.yaml", folder.resolved):
        text = spec.read_text(encoding="utf-8")
        spec.write_text(text.replace(str(trained_colours.path.parent), str(tmp_path)), encoding="utf-8")
    return folder, colour_images


@pytest.fixture(scope="session")
def by_hand(tensorflow_ready):
    """A function: the run's logits for some images, from its files, by Keras' own predict."""
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network

    def logits(folder, split):
        network = parse(folder.resolved.read_bytes(), "resolved.yaml").experiment.network
        model = build(plan_network(network, split.images.shape[1:], 10))
        with np.load(folder.weights) as file:
            for weight in model.weights:
                weight.assign(file[weight.path])
        scaling = json.loads(folder.preprocessing.read_bytes())["scaling"]
        pixels = (split.images - np.float32(scaling["offset"])) / np.float32(scaling["scale"])
        return model.predict(pixels.astype(np.float32), verbose=0, batch_size=50).astype(np.float64)

    return logits
