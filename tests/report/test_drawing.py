"""Pictures of networks: what they say, that they are the same every time, and what is refused."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from PIL import Image

from dnsearch.errors import DnsearchError
from dnsearch.plan.network import plan_network
from dnsearch.report.drawing.page import draw
from dnsearch.spec.network import example
from dnsearch.spec.network.families import UNet

NETWORKS = {
    "three layers": example(layers_per_block=(3, 3, 3)),
    "sixteen layers": example(layers_per_block=(16, 16, 16)),
    "sparse": example(connectivity={"name": "log", "output": "rule"}, layers_per_block=(6, 6)),
    "one block": example(layers_per_block=(1,)),
    "links": example(cross_block={"links": "all", "downsampling": "conv3x3"}, layers_per_block=(3, 3, 3)),
    "heads": example(head={"reads": "all_blocks"}, pooling="both"),
    "dense unet": UNet.model_validate({"family": "unet", "growth_rate": 4, "layers_per_block": (4, 4, 4)}),
    "plain unet": UNet.model_validate({"family": "unet", "unit": "conv", "channels": (8, 16, 32)}),
}


def svg(tmp_path, network, shape=(32, 32, 3)):
    path = tmp_path / "network.svg"
    draw(plan_network(network, shape, 10), "a title", path)
    return path.read_text(encoding="utf-8")


def texts(written: str) -> str:
    """What a picture says: matplotlib keeps each text as a comment beside its outlines, or as text."""
    return " ".join(re.findall(r"<!-- (.*?) -->", written) + re.findall(r"<text[^>]*>([^<]*)", written))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_network_is_drawn_the_same_every_time(tmp_path, name):
    first = svg(tmp_path, NETWORKS[name])
    assert ET.fromstring(first).tag.endswith("svg")
    assert svg(tmp_path, NETWORKS[name]) == first


def test_what_a_picture_says(tmp_path):
    said = texts(svg(tmp_path, NETWORKS["links"]))
    for words in (
        "a title",
        "trainable parameters",
        "multiply-adds",
        "edges",
        "block 1",
        "block 3",
        "transition 1",
    ):
        assert words in said, words
    assert "link between blocks" in said
    assert "link between blocks" not in texts(svg(tmp_path, NETWORKS["three layers"]))


def test_sparse_and_dense_edges_are_told_apart(tmp_path):
    dense, sparse = (texts(svg(tmp_path, NETWORKS[name])) for name in ("three layers", "sparse"))
    assert "edge of a dense block" in dense
    assert "edge of a sparse block" in sparse
    assert "edge of a dense block" not in sparse


@pytest.mark.parametrize("name", ["three layers", "dense unet"])
def test_a_png_is_an_image_with_something_on_it(tmp_path, name):
    path = tmp_path / "network.png"
    draw(plan_network(NETWORKS[name], (32, 32, 3), 10), name, path)
    with Image.open(path) as image:
        assert image.size[0] > 800
        assert len(image.convert("RGB").getcolors(1_000_000)) > 20


def test_pictures_grow_with_the_network(tmp_path):
    widths = []
    for layers in (3, 8, 16):
        network = example(layers_per_block=(layers, layers))
        widths.append(float(re.search(r'width="([\d.]+)pt"', svg(tmp_path, network)).group(1)))
    assert all(smaller < larger for smaller, larger in pairwise(widths))


@pytest.mark.parametrize("file", ["network.jpg", "network", "network.svg.txt"])
def test_other_endings_are_refused(tmp_path, file):
    with pytest.raises(DnsearchError) as caught:
        draw(plan_network(example(), (8, 8, 1), 10), "t", tmp_path / file)
    assert ".svg" in str(caught.value)
    assert ".png" in str(caught.value)
    assert not (tmp_path / file).exists()


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DnsearchError, match=r"file/network\.svg\n  expected a place that can be written to"):
        draw(plan_network(example(), (8, 8, 1), 10), "t", tmp_path / "file" / "network.svg")
