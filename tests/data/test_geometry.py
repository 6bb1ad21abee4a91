"""Moving whole batches: exact to the pixel, and a mask goes where its image goes."""

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("tensorflow_ready")


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
