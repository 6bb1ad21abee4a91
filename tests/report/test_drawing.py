"""Pictures of networks: readable on a paper's page, exact in their edges, the same every time."""

import re
from functools import cache
from itertools import combinations

import matplotlib
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.path import Path as Outline

from dnsearch.errors import SpecError
from dnsearch.front_door import planned_spec
from dnsearch.plan.network import plan_network
from dnsearch.report.drawing.marks import LOOKS
from dnsearch.report.drawing.picture import draw, network_figure
from dnsearch.spec import presets
from dnsearch.spec.network import UNet, example

NETWORKS = {
    "one layer": example(layers_per_block=(1,), growth_rate=1),
    "folded": example(layers_per_block=(40, 2)),
    "log": example(layers_per_block=(30, 6), connectivity={"name": "log", "output": "rule"}),
    "many sparse": example(layers_per_block=(40,), connectivity={"name": "log"}),
    "wide": example(
        layers_per_block=(8, 20),
        growth_rate=90,
        connectivity={"name": "harmonic", "width_multiplier": 1.7, "output": "odd_and_last"},
    ),
    "window": example(layers_per_block=(30,), connectivity={"name": "window", "size": 12}),
    "links and head": example(
        layers_per_block=(4, 4, 4, 24),
        head={"reads": "all_blocks"},
        cross_block={"links": "all", "downsampling": "conv3x3", "compression": 0.5},
    ),
    "sparse unet": UNet.model_validate(
        {
            "family": "unet",
            "growth_rate": 12,
            "layers_per_block": (4, 7, 12),
            "connectivity": {"name": "log", "output": "rule"},
        }
    ),
    "long bottleneck": UNet.model_validate({"family": "unet", "growth_rate": 4, "layers_per_block": (2, 12)}),
    "plain unet": UNet.model_validate({"family": "unet", "unit": "conv", "channels": (64, 128, 256, 512)}),
}


@cache
def picture(name):
    return network_figure(plan(name), "a title that is far too long for the page " * 9)


def plan(name):
    return plan_network(NETWORKS[name], (128, 128, 3), 10)


def texts(figure):
    return [*figure.axes[0].texts, *figure.axes[0].get_legend().get_texts()]


def words(figure):
    return [text.get_text() for text in texts(figure)]


def check_page(figure):
    """At most 6.5 inches wide; each text of at least 6 points, on the page, and on no other text."""
    figure.set_dpi(200)
    width, height = figure.get_size_inches() * 200
    FigureCanvasAgg(figure).draw()
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    assert width <= 6.5 * 200
    assert min(text.get_fontsize() for text in texts(figure)) >= 6
    outside = [t for t, b in boxes if b.x0 < 0 or b.y0 < 0 or b.x1 > width or b.y1 > height]
    assert not outside
    meet = [
        (one, other)
        for (one, a), (other, b) in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 3
    ]
    assert not meet


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_network_fits_its_page(name):
    check_page(picture(name))


@pytest.mark.parametrize("name", sorted(presets.names()))
def test_every_preset_fits_its_page(name):
    check_page(network_figure(planned_spec(name, (), limits=False).plan, name))


def drawn_edges(figure, block):
    """The edges of a block that is not dense, read from its arcs and from the numbers below its layers."""
    axes, edges = figure.axes[0], set()
    for patch in axes.patches:
        if (patch.get_gid() or "").startswith(f"edges of {block.part} from"):
            path = patch.get_path()
            tops = path.vertices[:, 1].max()
            row = {
                text.get_position()[0]: int(text.get_text())
                for text in axes.texts
                if text.get_text().isdigit() and 0 < text.get_position()[1] - tops < 0.1
            }
            starts = [i for i, code in enumerate(path.codes) if code == Outline.MOVETO]
            for i in starts:
                ends = path.vertices[i][0] - 0.04, path.vertices[i + 3][0] + 0.04
                edges.add(tuple(row[min(row, key=lambda x, end=end: abs(x - end))] for end in ends))
    for text in axes.texts:
        if match := re.fullmatch(rf"{block.part} layer (\d+)", text.get_gid() or ""):
            first, _, last = text.get_text().partition("–")
            edges |= {(f, int(match[1])) for f in range(int(first), int(last or first) + 1)}
    return edges


@pytest.mark.parametrize("name", ["log", "many sparse", "window", "wide", "sparse unet"])
def test_sparse_edges_are_exact_and_have_a_matrix(name):
    network, figure = plan(name), picture(name)
    for block in network.blocks:
        expected = {(read, layer) for layer, reads in enumerate(block.reads, start=1) for read in reads}
        dense = all(len(reads) == layer for layer, reads in enumerate(block.reads, start=1))
        assert dense or drawn_edges(figure, block) == expected


def test_a_matrix_shows_what_is_read_and_put_out():
    block = plan("log").blocks[0]
    (mesh,) = [each for each in picture("log").axes[0].collections if each.get_gid() == "matrix of block1"]
    *layers, between, output = mesh.get_array()
    assert [tuple(row.nonzero()[0]) for row in layers] == list(block.reads)
    assert [len(row.compressed()) for row in layers] == list(range(1, len(layers) + 1))
    assert not between.count()
    assert tuple((output == 2).nonzero()[0]) == block.output


@pytest.mark.parametrize("name", ["folded", "links and head", "plain unet"])
def test_a_dense_wiring_has_no_matrix(name):
    assert not picture(name).axes[0].collections


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("one layer", {"dense"}),
        ("folded", {"dense", "grouped"}),
        ("many sparse", {"sparse"}),
        ("links and head", {"dense", "grouped", "cross_block", "head"}),
        ("plain unet", {"plain", "skip"}),
        ("long bottleneck", {"dense", "skip"}),
    ],
)
def test_the_picture_has_the_colours_of_its_legend_and_no_other(name, shown):
    figure = picture(name)
    found = {to_hex(patch.get_edgecolor()).upper() for patch in figure.axes[0].patches}
    assert {kind for kind, look in LOOKS.items() if look.colour in found} == shown
    assert {kind for kind, look in LOOKS.items() if look.meaning in words(figure)} == shown
    assert len({look.colour for look in LOOKS.values()}) == len(LOOKS)
    assert len({look[1:3] for look in LOOKS.values()}) == len(LOOKS)


def test_what_a_picture_says():
    said = words(picture("links and head"))
    (heading,) = [each for each in said if each.startswith("a title that is")]
    assert heading.endswith("…")
    assert "24 layers of 12 channels, dense, 300 edges" in said
    assert "block 1 → block 2: conv 1x1 · conv 3x3, stride 2 · 128x128x72 → 64x64x36" in said
    assert "block 1 → head: read by the head · 128x128x72" in said
    assert any("trainable parameters" in line and "multiply-adds" in line for line in said)
    assert {"images 128x128x3", "10 logits"} <= set(said)
    assert {"up-sampling 1", "down-sampling 1", "mask logits 128x128x10"} <= set(words(picture("plain unet")))
    assert "+90" in words(picture("wide"))


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_a_file_is_the_same_every_time_and_leaves_matplotlib_alone(tmp_path, ending):
    before = dict(matplotlib.rcParams)
    first, second = tmp_path / f"a.{ending}", tmp_path / f"b.{ending}"
    draw(plan("one layer"), "t", first)
    draw(plan("one layer"), "t", second)
    assert first.read_bytes() == second.read_bytes()
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[ending]
    assert first.read_bytes().startswith(start)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("file", ["network.jpg", "network", "network.svg.txt"])
def test_other_endings_are_refused(tmp_path, file):
    with pytest.raises(SpecError, match=r"expected a file that ends in \.png, \.svg or \.pdf, found"):
        draw(plan("one layer"), "t", tmp_path / file)
    assert not (tmp_path / file).exists()


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SpecError, match=r"file/network\.svg\n  expected a place that can be written to"):
        draw(plan("one layer"), "t", tmp_path / "file" / "network.svg")
