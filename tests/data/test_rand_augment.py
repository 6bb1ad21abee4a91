"""RandAugment's operations, each against Pillow or by hand; and moving whole batches, exact to the pixel."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

pytestmark = pytest.mark.usefixtures("tensorflow_ready")

RNG = np.random.default_rng(4)
IMAGES = (RNG.integers(40, 200, (6, 1, 1, 3)) + RNG.integers(0, 56, (6, 12, 10, 3))).astype(np.float32)
RGB = (0.0, 255.0)


def done(name, images=IMAGES, magnitude=8.0, back=False, bounds=RGB, fill=None):
    from dnsearch.data.rand_augment import OPERATIONS, rand_augment

    operations = np.full((len(images), 1), OPERATIONS.index(name), np.int32)
    backwards = np.full((len(images), 1), back)
    fill = fill or (0.0,) * images.shape[-1]
    return rand_augment(images, operations, backwards, magnitude, bounds, fill).numpy()


def pillow(function):
    return np.stack([np.asarray(function(Image.fromarray(image.astype(np.uint8)))) for image in IMAGES])


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(
    ("name", "enhancer"),
    [
        ("color", ImageEnhance.Color),
        ("contrast", ImageEnhance.Contrast),
        ("brightness", ImageEnhance.Brightness),
    ],
)
def test_enhancements_are_pillow_s(name, enhancer, back):
    expected = pillow(lambda image: enhancer(image).enhance(1 + (-0.72 if back else 0.72)))
    assert np.abs(done(name, back=back) - expected).max() < 2.5  # Pillow rounds the grey and the result


def test_sharpness_is_pillow_s_inside_the_border():
    expected = pillow(lambda image: ImageEnhance.Sharpness(image).enhance(1.72))
    assert np.abs(done("sharpness") - expected)[:, 1:-1, 1:-1].max() < 2.5


def test_posterize_and_solarize_are_pillow_s():
    assert np.abs(done("posterize", magnitude=10) - pillow(lambda i: ImageOps.posterize(i, 4))).max() < 1e-3
    assert np.abs(done("solarize", magnitude=5) - pillow(lambda i: ImageOps.solarize(i, 128))).max() < 1e-3


def test_autocontrast_and_equalize_reach_from_end_to_end():
    assert np.abs(done("autocontrast") - pillow(ImageOps.autocontrast)).max() < 1.01  # Pillow truncates
    equalized = done("equalize")
    assert equalized.min() == 0 and equalized.max() == 255
    order = np.argsort(IMAGES[0, ..., 0], axis=None, kind="stable")
    assert (np.diff(equalized[0, ..., 0].ravel()[order]) >= 0).all()


@pytest.mark.parametrize("name", ["autocontrast", "equalize"])
def test_an_image_of_one_colour_stays(name):
    flat = np.full((2, 4, 4, 3), 77, np.float32)
    np.testing.assert_allclose(done(name, flat), flat, atol=1e-4)


@pytest.mark.parametrize(("name", "axis"), [("translate_y", 1), ("translate_x", 2)])
def test_translations_move_by_a_share_of_the_side(name, axis):
    images = np.zeros((1, 20, 20, 1), np.float32)
    images[0, 10, 10] = 200
    found = done(name, images, magnitude=10)  # 0.45 of 20 pixels
    assert found.max() == pytest.approx(200, abs=1e-2)
    assert np.unravel_index(found.argmax(), found.shape)[axis] == 1
    assert np.unravel_index(done(name, images, 10, back=True).argmax(), found.shape)[axis] == 19


@pytest.mark.parametrize("name", ["rotate", "shear_x", "shear_y"])
def test_turning_and_shearing_leave_the_centre_and_fill_with_the_given_colour(name):
    images = np.full((1, 21, 21, 1), 200, np.float32)
    images[0, 10, 10] = 100
    found = done(name, images, magnitude=10, fill=(50.0,))
    assert found[0, 10, 10, 0] == pytest.approx(100, abs=1e-2)
    assert found[0, 0, 0, 0] == pytest.approx(50, abs=1e-2) or found[0, 0, -1, 0] == pytest.approx(
        50, abs=1e-2
    )


@pytest.mark.parametrize("name", ["identity", "rotate", "shear_x", "translate_y", "brightness", "posterize"])
def test_no_magnitude_is_no_change(name):
    np.testing.assert_allclose(done(name, magnitude=0.0), IMAGES, atol=1e-3)


def test_each_image_of_a_batch_gets_its_own_operations():
    from dnsearch.data.rand_augment import OPERATIONS, rand_augment

    operations = np.array([[OPERATIONS.index(name)] for name in OPERATIONS[:6]], np.int32)
    found = rand_augment(IMAGES, operations, np.zeros((6, 1), bool), 8.0, RGB, (0.0,) * 3).numpy()
    for number, name in enumerate(OPERATIONS[:6]):
        np.testing.assert_allclose(found[number], done(name)[number], atol=1e-3)


def test_digits_that_end_at_16_are_treated_like_pixels_that_end_at_255():
    grey = IMAGES[..., :1]
    for name in ("solarize", "brightness", "equalize"):
        small = done(name, grey * 16 / 255, bounds=(0.0, 16.0))
        np.testing.assert_allclose(small * 255 / 16, done(name, grey), atol=1.01)


def by_hand(image, flipped, shifted):
    """Mirror an image, then shift it, zeros coming in."""
    for axis in range(2):
        image = np.flip(image, axis) if flipped[axis] else image
    result = np.zeros_like(image)
    height, width = image.shape[:2]
    for row in range(height):
        for column in range(width):
            y, x = row - shifted[0], column - shifted[1]
            if 0 <= y < height and 0 <= x < width:
                result[row, column] = image[y, x]
    return result


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int32])
def test_flips_and_shifts_are_exact(dtype):
    from dnsearch.data.rand_augment import moved, placements

    rng = np.random.default_rng(0)
    images = rng.integers(1, 200, (40, 5, 7, 3)).astype(dtype)
    flipped = rng.integers(2, size=(40, 2)).astype(bool)
    shifted = rng.integers(-6, 7, (40, 2)).astype(np.int32)
    found = moved(images, placements(flipped, shifted, (5, 7))).numpy()
    expected = np.stack([by_hand(*each) for each in zip(images, flipped, shifted, strict=True)])
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_a_mask_moves_with_its_image_and_gets_its_own_filling():
    from dnsearch.data.rand_augment import moved, placements

    images = np.arange(1, 13, dtype=np.float32).reshape(1, 3, 4, 1)
    where = placements(np.array([[False, True]]), np.array([[1, 0]], np.int32), (3, 4))
    mask = moved(images.astype(np.int32), where, fill=255).numpy()
    assert mask[0, 0, :, 0].tolist() == [255] * 4
    np.testing.assert_array_equal(mask[:, 1:], moved(images, where).numpy()[:, 1:])


def test_what_lies_in_a_rectangle():
    from dnsearch.data.rand_augment import inside

    found = inside(np.array([[1, 0, 3, 2], [2, 2, 2, 4]], np.int32), (3, 4)).numpy()[..., 0]
    assert found[0].astype(int).tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]]
    assert not found[1].any()
