"""The ``training.augmentation`` section."""

import pytest

from dnsearch.spec.augmentation import Augmentation
from dnsearch.spec.document import load, parse


def spec(minimal, augmentation):
    return minimal + f"  augmentation: {augmentation}\n"


def section(minimal, augmentation):
    return parse(spec(minimal, augmentation).encode(), "a.yaml").experiment.training.augmentation


def test_there_is_none_unless_it_is_asked_for(minimal):
    assert parse(minimal.encode(), "a.yaml").experiment.training.augmentation is None
    assert section(minimal, "null") is None


def test_what_is_left_out_is_off(minimal):
    found = section(minimal, "{flip: horizontal, crop: 4}")
    assert found == Augmentation(flip="horizontal", crop=4)
    assert (found.translate, found.cutout, found.mixup, found.cutmix) == (0.0, 0, 0.0, 0.0)
    assert found.erasing is None and found.rand_augment is None
    assert found.kinds == ("flip horizontal", "crop 4") and not found.mixes_labels


def test_nested_kinds_have_defaults(minimal):
    found = section(minimal, "{erasing: {}, rand_augment: {magnitude: 9}}")
    assert (found.erasing.probability, found.erasing.strength) == (0.5, 0.4)
    assert (found.rand_augment.operations, found.rand_augment.magnitude) == (2, 9.0)
    assert found.kinds == (
        "erasing probability 0.5 and strength 0.4",
        "rand_augment operations 2 and magnitude 9",
    )


@pytest.mark.parametrize("kind", ["mixup: 0.2", "cutmix: 1"])
def test_mixing_mixes_labels(minimal, kind):
    assert section(minimal, f"{{{kind}}}").mixes_labels


@pytest.mark.parametrize(
    ("augmentation", "said"),
    [
        (
            "{flip: left}",
            "training.augmentation.flip\n  expected horizontal, vertical or both, found left",
        ),
        ("{crop: -1}", "training.augmentation.crop\n  expected a whole number from 0 to 1024, found -1"),
        ("{crop: 1.5}", "training.augmentation.crop\n  expected a whole number from 0 to 1024, found 1.5"),
        ("{translate: 0.7}", "training.augmentation.translate\n  expected a number from 0 to 0.5, found 0.7"),
        ("{mixup: -0.1}", "training.augmentation.mixup\n  expected a number from 0 to 10, found -0.1"),
        (
            "{erasing: {probability: 2}}",
            "training.augmentation.erasing.probability\n  expected a number from 0 to 1, found 2",
        ),
        (
            "{rand_augment: {operations: 0}}",
            "training.augmentation.rand_augment.operations\n  expected a whole number from 1 to 8, found 0",
        ),
        ("{flips: both}", "training.augmentation.flips\n  unknown key; did you mean flip?"),
        ("flip", "training.augmentation\n  expected a mapping or null, found flip"),
    ],
)
def test_refused(minimal, refused, augmentation, said):
    assert said in str(refused(spec(minimal, augmentation)))


@pytest.mark.parametrize("preset", ["densenet-bc-190-40", "condensenet-like-86", "sparsenet-100-16-32-64"])
def test_presets_whose_published_result_is_c10_plus_have_flips_and_crops(preset):
    assert load(preset).experiment.training.augmentation == Augmentation(flip="horizontal", crop=4)
