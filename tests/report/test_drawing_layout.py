"""Pictures, measured: nothing lies on anything else, nothing is cut off, and every edge is there."""

from io import BytesIO
from itertools import combinations, pairwise

import pytest
from PIL import Image

from dnsearch.plan.network import plan_network
from dnsearch.report.drawing.block import NOT_DRAWN
from dnsearch.report.drawing.facts import all_layers, counted, lanes
from dnsearch.report.drawing.legend import legend
from dnsearch.report.drawing.look import STROKES
from dnsearch.report.drawing.marks import Arcs, Circles, Lines, Polygons, Sketch, Text, points
from dnsearch.report.drawing.page import page, picture
from dnsearch.report.drawing.paint import DPI, MOST_PIXELS, Placed, painted
from dnsearch.spec.network import example
from dnsearch.spec.network.families import UNet


def links(which, downsampling="avg", **more):
    return {"links": which, "downsampling": downsampling, **more}


def unet(**fields):
    return UNet.model_validate({"family": "unet", "growth_rate": 12, **fields})


NETWORKS = {
    "one layer": example(layers_per_block=(1,), growth_rate=1),
    "three layers": example(layers_per_block=(3, 3, 3)),
    "sixteen layers": example(layers_per_block=(16, 16, 16)),
    "forty-one layers": example(layers_per_block=(41, 2)),
    "too many layers": example(layers_per_block=(60, 3), connectivity={"name": "log"}),
    "rule": example(layers_per_block=(16, 16), connectivity={"name": "log", "output": "rule"}),
    "wide": example(
        layers_per_block=(8, 5),
        connectivity={"name": "harmonic", "width_multiplier": 1.7, "output": "odd_and_last"},
    ),
    "links and head": example(
        layers_per_block=(4, 4, 4, 4),
        head={"reads": "all_blocks"},
        cross_block=links("all", "conv3x3", compression=0.5),
    ),
    "article's proposal": example(layers_per_block=(3, 3, 3), cross_block=links("non_adjacent")),
    "dense unet": unet(layers_per_block=(4,) * 6, dropout=0.2, dropout_after="every"),
    "growing unet": unet(layers_per_block=(4, 7, 12), connectivity={"name": "log", "output": "rule"}),
    "plain unet": unet(unit="conv", channels=(64, 128, 256, 512)),
}


def plan(name):
    return plan_network(NETWORKS[name], (128, 128, 3), 10)


def moved(name):
    """Every mark with the place of its sketch, and the page's width and height."""
    placed, width, height = page(plan(name), "a title")
    marks = [(mark, each.right, each.down) for each in placed for mark in each.sketch.marks]
    return marks, width, height


def boxes(name):
    """Every text with its left, top, right and bottom on the page."""
    found = []
    for mark, right, down in moved(name)[0]:
        if isinstance(mark, Text):
            left, top, end, bottom = mark.box
            found.append((mark.words, (left + right, top + down, end + right, bottom + down)))
    return found


def stretches(name):
    """Every straight stretch of a line on the page."""
    for mark, right, down in moved(name)[0]:
        if isinstance(mark, Lines):
            for path in mark.paths:
                for (x, y), (end_x, end_y) in pairwise(path):
                    xs, ys = sorted((x + right, end_x + right)), sorted((y + down, end_y + down))
                    yield xs[0], ys[0], xs[1], ys[1]


def meet(one, other):
    slack = 0.004
    return (
        one[0] < other[2] - slack
        and other[0] < one[2] - slack
        and one[1] < other[3] - slack
        and other[1] < one[3] - slack
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_no_text_lies_on_another(name):
    overlapping = [
        (words, others) for (words, box), (others, other) in combinations(boxes(name), 2) if meet(box, other)
    ]
    assert not overlapping


@pytest.mark.parametrize("name", NETWORKS)
def test_no_line_runs_through_a_text(name):
    lines = list(stretches(name))
    crossed = {
        words
        for words, (left, top, right, bottom) in boxes(name)
        for line in lines
        if line[0] < right and left < line[2] and line[1] < bottom and top < line[3]
    }
    assert not crossed


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_cut_off(name):
    marks, width, height = moved(name)
    for mark, right, down in marks:
        for x, y in points(mark):
            assert 0.05 < x + right < width - 0.05, mark
            assert 0.05 < y + down < height - 0.05, mark


@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_is_written_smaller_than_seven_points(name):
    assert min(mark.size for mark, _, _ in moved(name)[0] if isinstance(mark, Text)) >= 7


@pytest.mark.parametrize("name", NETWORKS)
def test_every_edge_of_a_block_is_an_arc(name):
    drawn = [layers for layers in all_layers(plan(name)).values() if layers.drawn]
    curves = [curve for mark, _, _ in moved(name)[0] if isinstance(mark, Arcs) for curve in mark.curves]
    assert len(curves) == sum(layers.block.edges for layers in drawn)
    assert all(start[0] < end[0] for start, _, _, end in curves)


def test_a_block_of_many_layers_says_why_it_has_no_arcs():
    said = [mark.words for mark, _, _ in moved("too many layers")[0] if isinstance(mark, Text)]
    assert said.count(NOT_DRAWN) == 1
    assert NOT_DRAWN == "more than 48 layers: edges in the matrix alone"


def test_features_that_are_put_out_are_filled_and_others_hollow():
    marks = [mark for mark, _, _ in moved("rule")[0] if isinstance(mark, Circles)]
    counts = {True: 0, False: 0}
    for mark in marks:
        if mark.radius == pytest.approx(0.085, abs=0.01):
            counts[mark.fill == "white"] += len(mark.centres)
    output = plan("rule").blocks[0].output
    blocks = 2
    legends = 2  # one circle of each kind, of its own size
    assert counts[False] == blocks * len(output)
    assert counts[True] == blocks * (16 - len(output))
    assert sum(len(mark.centres) for mark in marks) == blocks * 16 + legends


def test_a_matrix_has_a_cell_for_every_feature_that_could_be_read():
    colours = [mark for mark, _, _ in moved("rule")[0] if isinstance(mark, Polygons) and not mark.stroke]
    cells = sum(len(mark.outlines) for mark in colours if all(len(each) == 4 for each in mark.outlines))
    block = plan("rule").blocks[0]
    swatches = 3
    assert cells == 2 * (16 * 17 // 2 + 17) + swatches
    assert sum(mark.fill == STROKES["sparse"].colour for mark in colours) >= 2
    assert block.edges == 54


def test_each_kind_of_connection_has_its_own_colour_and_its_own_line():
    for one, other in combinations(STROKES.values(), 2):
        assert one.colour != other.colour
        assert (one.dashes, one.width) != (other.dashes, other.width)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("three layers", {"dense"}),
        ("rule", {"sparse"}),
        ("links and head", {"dense", "cross_block", "head"}),
        ("growing unet", {"sparse", "skip"}),
        ("plain unet", {"plain", "skip"}),
    ],
)
def test_the_legend_shows_the_lines_that_occur_and_no_other(name, shown):
    sketch = legend(plan(name), all_layers(plan(name)), 20.0)
    strokes = {mark.stroke for mark in sketch.marks if isinstance(mark, Lines)}
    assert {kind for kind, stroke in STROKES.items() if stroke in strokes} == shown


def test_a_link_says_what_it_does_and_between_which_shapes():
    found = {(lane.source, lane.target): lane.words for lane in lanes(plan("links and head"))}
    assert found["block1", "block2"] == ("conv 1x1 · conv 3x3, stride 2", "128x128x72 → 64x64x36")
    assert found["block1", "block3"][0] == "conv 1x1 · 2 × (conv 3x3, stride 2)"
    assert found["block1", "head"] == ("read by the head", "128x128x72")
    assert ("block4", "head") not in found
    assert len(found) == 6 + 3


def test_the_head_of_all_blocks_reads_the_channels_of_all():
    said = [mark.words for mark, _, _ in moved("links and head")[0] if isinstance(mark, Text)]
    reads = plan("links and head").nodes[-1].inputs[0]
    assert str(plan("links and head").nodes[reads].shape[0]) in said


def test_one_thing_is_not_many():
    assert counted(1, "edge") == "1 edge"
    said = [mark.words for mark, _, _ in moved("one layer")[0] if isinstance(mark, Text)]
    assert "1 layer of 1 channel, 1 edge" in said


@pytest.mark.parametrize("name", ["three layers", "plain unet"])
def test_a_png_has_as_many_dots_as_its_texts_need(name):
    _, width, height = page(plan(name), "a title")
    with Image.open(BytesIO(picture(plan(name), "a title", "png"))) as image:
        assert image.size == (pytest.approx(width * DPI, abs=1), pytest.approx(height * DPI, abs=1))


def test_a_huge_page_gets_fewer_dots_per_inch():
    large = Sketch((Text((1.0, 1.0), "here"),), 90.0, 60.0)
    with Image.open(BytesIO(painted([Placed(large, 0.0, 0.0)], 90.0, 60.0, "png"))) as image:
        assert image.size[0] < 90 * DPI
        assert image.size[0] * image.size[1] <= MOST_PIXELS * 1.001
