"""What chance decides: ranges, shares, and that it depends on seed and epoch alone."""

import numpy as np
import pytest

from dnsearch.spec.augmentation import Augmentation

pytestmark = pytest.mark.usefixtures("tensorflow_ready")
SIZE = (20, 30)
EVERYTHING = {
    "flip": "both",
    "crop": 4,
    "translate": 0.1,
    "cutout": 6,
    "erasing": {},
    "mixup": 0.4,
    "cutmix": 1.0,
    "rand_augment": {"operations": 3},
}


def drawn(examples=4000, seed=3, epoch=2, **kinds):
    from dnsearch.data.augment import draw

    return draw(Augmentation.model_validate(kinds), examples, SIZE, seed, epoch)


def alike(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one | other)


def test_draws_depend_on_seed_and_epoch_alone():
    first = drawn(100, **EVERYTHING)
    np.random.default_rng(0).random()
    assert alike(first, drawn(100, **EVERYTHING))
    for other in (drawn(100, seed=2, epoch=3, **EVERYTHING), drawn(100, epoch=3, **EVERYTHING)):
        for name, column in other.items():
            assert not np.array_equal(column, first[name]), name


def test_a_kind_leaves_the_draws_of_the_others_as_they_are():
    alone, together = drawn(cutmix=1.0), drawn(cutmix=1.0, flip="both", crop=2, rand_augment={}, cutout=3)
    assert np.array_equal(alone["pasted"], together["pasted"])


def test_nothing_asked_for_draws_nothing():
    assert drawn() == {}


@pytest.mark.parametrize(
    ("flip", "shares"), [("horizontal", (0, 0.5)), ("vertical", (0.5, 0)), ("both", (0.5, 0.5))]
)
def test_half_of_the_images_are_flipped(flip, shares):
    assert drawn(flip=flip)["flipped"].mean(axis=0) == pytest.approx(shares, abs=0.03)


def test_crops_are_uniform_over_every_place():
    rows, columns = np.unique(drawn(20_000, crop=4)["shifted"], axis=0, return_counts=True)
    assert len(rows) == 81
    assert rows.min() == -4 and rows.max() == 4
    assert columns.min() > 170 and columns.max() < 330  # 247 on average


def test_translations_are_in_proportion_to_the_side():
    shifted = drawn(translate=0.1)["shifted"]
    assert np.abs(shifted).max(axis=0).tolist() == [2, 3]


def test_cutout_is_a_square_that_may_stick_out():
    top, left, bottom, right = drawn(20_000, cutout=6)["blanked"][:, 0].T
    heights, widths = bottom - top, right - left
    assert (heights.max(), widths.max()) == (6, 6)
    assert (heights.min(), widths.min()) == (3, 3)
    assert top.min() == left.min() == 0 and (bottom.max(), right.max()) == SIZE


def test_erasing_keeps_to_its_probability_and_its_sizes():
    top, left, bottom, right = drawn(20_000, erasing={"probability": 0.3, "strength": 0.2})["blanked"][:, 0].T
    areas = (bottom - top) * (right - left) / 600
    assert (areas > 0).mean() == pytest.approx(0.3, abs=0.02)
    assert areas.max() < 0.24 and areas[areas > 0].min() > 0.01  # whole pixels
    assert (bottom.max(), right.max()) == SIZE and (bottom - top).max() <= SIZE[0]


def test_mixup_draws_from_beta_for_each_image():
    draws = drawn(40_000, mixup=0.4)
    assert draws["own"].mean() == pytest.approx(0.5, abs=0.01)
    assert draws["own"].var() == pytest.approx(
        1 / (4 * (2 * 0.4 + 1)), rel=0.03
    )  # Beta(a, a): 1 / (4 (2a + 1))
    assert np.array_equal(draws["kept"], draws["own"])


def test_a_tiny_alpha_is_no_division_by_zero():
    own = drawn(2000, mixup=1e-3)["own"]
    assert np.isfinite(own).all() and own.mean() == pytest.approx(0.5, abs=0.05)
    assert ((own < 0.01) | (own > 0.99)).mean() > 0.95


def test_cutmix_counts_the_pixels_that_are_really_replaced():
    draws = drawn(20_000, cutmix=1.0)
    top, left, bottom, right = draws["pasted"].T
    assert np.array_equal(draws["own"], np.ones(20_000, np.float32))
    shares = draws["kept"]
    assert shares == pytest.approx(1 - (bottom - top) * (right - left) / 600, abs=1e-6)
    assert shares.mean() > 0.5  # what sticks out of the image replaces nothing


def test_with_both_each_image_gets_one_of_the_two():
    draws = drawn(mixup=1.0, cutmix=1.0)
    top, _, bottom, _ = draws["pasted"].T
    pasted = bottom > top
    assert pasted.mean() == pytest.approx(0.5, abs=0.05)
    assert (draws["own"][pasted] == 1).all()


def test_every_operation_of_rand_augment_is_drawn_in_both_directions():
    draws = drawn(rand_augment={"operations": 3})
    assert np.unique(draws["operations"]).tolist() == list(range(14))
    assert draws["backwards"].mean() == pytest.approx(0.5, abs=0.03)
