"""What a spec may say of masks and of networks that paint them."""

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec.document import parse

UNET = "{family: unet, growth_rate: 4, layers_per_block: [1, 1]}"
DENSENET = "{growth_rate: 4, layers_per_block: [1, 1]}"
MASKS = "source: masks, path: cells, image_shape: [8, 8, 3]"


def spec(network: str = UNET, data: str = "source: scenes", training: str = "batch_size: 16") -> bytes:
    text = f"network: {network}\ndata: {{{data}}}\ntraining: {{epochs: 1, learning_rate: 0.1, {training}}}\n"
    return f"version: 1\nname: a\n{text}".encode()


def refused(**parts: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse(spec(**parts), "a.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (MASKS, "data.source\n  class_names or classes is missing: what the masks show"),
        ("source: masks, classes: 2", "path is missing: where the masks data lies"),
        (
            f"{MASKS}, class_names: [a, b], classes: 3",
            "expected classes: 2, as many as class_names has, found 3",
        ),
        (f"{MASKS}, class_names: [a, b, a]", "data.class_names\n  expected every name once, found a again"),
        ("source: scenes, path: here", "data.path\n  scenes come with scikit-learn and have no path"),
        (
            "source: scenes, ignore_label: 255",
            "only masks and npz have numbers that need it; scenes does not",
        ),
        (
            "source: scenes, class_names: [a, b]",
            "only masks and npz have numbers that need it; scenes does not",
        ),
    ],
)
def test_data_that_does_not_fit_together(data: str, expected: str) -> None:
    assert expected in refused(data=data)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (
            "loss: dice, label_smoothing: 0.1",
            "training.label_smoothing\n  expected 0 with loss dice, found 0.1",
        ),
        (
            "loss: dice, accumulate: 2",
            "expected 1 with loss dice: Dice is a ratio over the whole batch, found 2",
        ),
        (
            "loss: cross_entropy_dice, devices: all",
            "expected one with loss cross_entropy_dice: Dice is a ratio over the whole batch, found all",
        ),
        ("augmentation: {mixup: 0.2}", "training.augmentation.mixup\n  expected 0 for a U-Net"),
    ],
)
def test_a_training_that_has_no_meaning_for_masks(training: str, expected: str) -> None:
    assert expected in refused(training=training)


@pytest.mark.parametrize("loss", ["dice", "cross_entropy_dice"])
def test_dice_is_for_masks(loss: str) -> None:
    text = refused(network=DENSENET, data="source: digits", training=f"loss: {loss}")
    assert (
        f"training.loss\n  expected cross_entropy or focal for a densenet: Dice is for masks, found {loss}"
        in text
    )
    assert "a.yaml:5:" in text  # where it stands


def test_what_has_a_meaning_is_accepted() -> None:
    for training in (
        "loss: cross_entropy_dice, label_smoothing: 0.1",
        "loss: dice, class_weights: balanced",
        "augmentation: {cutmix: 1, flip: both}",
    ):
        parse(spec(training=training), "a.yaml")
    parse(spec(network=DENSENET, data="source: digits", training="loss: focal, accumulate: 2"), "a.yaml")
    names = parse(spec(data=f"{MASKS}, class_names: [a, b], ignore_label: 255"), "a.yaml").experiment.data
    assert names.class_count == 2
