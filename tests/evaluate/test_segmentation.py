"""What is said of masks."""

import numpy as np
import pytest

from dnsearch.evaluate.segmentation import assess_masks

NAMES = ("ground", "cell", "ghost")


def answers(images=12, right=0.8, seed=0):
    """Logits that are right for so many pixels, and masks with pixels that do not count; no ghosts."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, (images, 6, 5))
    told = np.where(rng.random(labels.shape) < right, labels, 1 - labels)
    labels[:, 0, 0] = -1
    return 3 * np.eye(3)[told] + rng.normal(0, 0.1, (*labels.shape, 3)), labels


def test_figures_are_over_pixels_that_count():
    logits, labels = answers()
    found = assess_masks([(logits[:5], labels[:5]), (logits[5:], labels[5:])], NAMES)
    valid, told = labels >= 0, logits.argmax(axis=-1)
    assert (found.examples, found.pixels) == (12, 12 * 29)
    assert found.accuracy.value == pytest.approx((told == labels)[valid].mean())
    overlaps = [
        ((labels == c) & (told == c)).sum() / ((labels == c) | ((told == c) & valid)).sum() for c in (0, 1)
    ]
    assert [figure.value for figure in found.ious[:2]] == pytest.approx(overlaps)
    assert found.ious[2] is None
    assert found.mean_iou.value == pytest.approx(np.mean(overlaps))
    odds = np.exp(logits[valid])
    likely = odds[np.arange(valid.sum()), labels[valid]] / odds.sum(axis=1)
    assert found.loss.value == pytest.approx(-np.log(likely).mean())
    assert found.confusion.sum() == found.pixels


def test_the_f1_of_a_class_is_its_dice_coefficient():
    found = assess_masks([answers()], NAMES)
    for each, iou in zip(found.classes[:2], found.ious, strict=False):
        assert each.f1 == pytest.approx(2 * iou.value / (1 + iou.value))


def test_intervals_are_over_images_not_pixels():
    """Twelve images whose pixels agree among themselves say less than as many independent pixels."""
    labels = np.arange(12).repeat(30).reshape(12, 6, 5) % 2
    told = labels.copy()
    told[::4] = 1 - told[::4]
    found = assess_masks([(9 * np.eye(2)[told], labels)], ("a", "b"))
    assert found.accuracy.value == pytest.approx(0.75)
    assert found.accuracy.high - found.accuracy.low > 0.3
    narrow = assess_masks([answers(right=0.75)], NAMES)
    assert narrow.accuracy.high - narrow.accuracy.low < 0.15
    assert found.mean_iou.low < found.mean_iou.value < found.mean_iou.high


def test_a_class_in_one_image_alone_has_figures():
    logits, labels = answers()
    labels[3, 2, 2] = 2
    found = assess_masks([(logits, labels)], NAMES)
    assert found.ious[2].value == found.ious[2].low == found.ious[2].high == 0
    assert found.mean_iou.value < assess_masks([answers()], NAMES).mean_iou.value
