import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from dnsearch.data.image_files import MAX_PIXELS, fitted, read_image
from dnsearch.errors import DataError

SHAPE = (8, 6, 3)


def refusal(path, image_shape=SHAPE):
    with pytest.raises(DataError) as caught:
        read_image(path, image_shape, "stretch")
    return str(caught.value)


def save(path, pixels, mode=None):
    image = Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(path)
    return path


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width, height):
    """A PNG that says how large it is, and has no pixels."""
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", b"")


def test_bilinear_enlarging(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 100], [100, 200]], np.uint8))
    resized = read_image(path, (2, 4, 1), "stretch")[..., 0]
    assert resized.tolist() == [[0, 25, 75, 100], [100, 125, 175, 200]]


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_shrinking_averages_and_leaves_no_patterns(tmp_path, resize):
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    path = save(tmp_path / "a.png", checks.astype(np.uint8))
    assert np.abs(read_image(path, (8, 8, 1), resize).astype(int) - 127).max() <= 1


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_images_of_the_right_size_are_taken_as_they_are(tmp_path, resize):
    pixels = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
    assert np.array_equal(read_image(save(tmp_path / "a.png", pixels), SHAPE, resize), pixels)


def halves():
    """20 high, 60 wide: a third of 10, a third of 100, a third of 200."""
    return np.repeat(np.array([[10, 100, 200]], np.uint8), 20, axis=1).repeat(20, axis=0)


def test_crop_keeps_the_middle_at_its_proportions(tmp_path):
    path = save(tmp_path / "wide.png", halves())
    assert (read_image(path, (10, 10, 1), "crop")[:, 1:-1] == 100).all()
    path = save(tmp_path / "high.png", halves().T)
    assert (read_image(path, (10, 10, 1), "crop")[1:-1] == 100).all()


def test_pad_keeps_everything_between_black_bars(tmp_path):
    image = read_image(save(tmp_path / "wide.png", halves()), (30, 30, 1), "pad")[..., 0]
    assert (image[:10] == 0).all()
    assert (image[20:] == 0).all()
    assert image[15, [3, 15, 27]].tolist() == [10, 100, 200]
    image = read_image(save(tmp_path / "high.png", halves().T), (30, 30, 1), "pad")[..., 0]
    assert (image[:, :10] == 0).all()
    assert image[[3, 15, 27], 15].tolist() == [10, 100, 200]


@pytest.mark.parametrize("size", [(1, 4000), (4000, 1), (3, 7), (7, 3), (1, 1)])
@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_any_proportions_can_be_fitted(size, resize):
    assert fitted(Image.new("L", size, 9), 5, 6, resize).size == (5, 6)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_mode_becomes_what_is_wanted(tmp_path, mode, channels):
    ending = "jpg" if mode == "CMYK" else "png"
    path = save(tmp_path / f"a.{ending}", np.full((5, 4, 3), 255, np.uint8), mode)
    image = read_image(path, (5, 4, channels), "stretch")
    assert image.shape == (5, 4, channels)
    assert image.dtype == np.uint8
    assert (image >= 254).all()


def test_opacity_is_the_fourth_channel(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (5, 4, 4), dtype=np.uint8)
    path = save(tmp_path / "a.png", pixels)
    assert np.array_equal(read_image(path, (5, 4, 4), "stretch"), pixels)


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode=None).convert("P")
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert read_image(tmp_path / "a.png", (2, 2, 3), "stretch").shape == (2, 2, 3)


def test_sixteen_bits_are_refused(tmp_path):
    path = save(tmp_path / "deep.png", np.full((4, 4), 40_000, np.uint16))
    text = refusal(path)
    assert text.startswith(str(path))
    assert "expected 8 bits per channel, found an image of mode I" in text
    assert "Save it with 8 bits per channel." in text


@pytest.mark.parametrize("channels", [2, 5, 64])
def test_other_channel_numbers_are_refused_with_the_fix(tmp_path, channels):
    path = save(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    text = refusal(path, (8, 8, channels))
    assert f"data.image_shape\n  expected 1, 3 or 4 channels for PNG and JPEG, found {channels}" in text
    assert "Use 1 for grey, 3 for RGB or 4 for RGB and opacity" in text


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000), (200_000, 200_000)])
def test_absurdly_large_images_are_refused_undecoded(tmp_path, width, height):
    path = tmp_path / "large.png"
    path.write_bytes(png_header(width, height))
    text = refusal(path)
    assert text.startswith(str(path))
    assert f"expected at most 89,478,485 pixels, found {width:,} x {height:,}" in text
    assert "Make the image smaller." in text


def test_the_limit_is_pillow_s_own():
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS


def test_threads_refuse_each_its_own_file(tmp_path):
    """Pillow tells of large images by a warning, which belongs to the whole process."""
    (tmp_path / "large.png").write_bytes(png_header(10_000, 10_000))
    save(tmp_path / "good.png", np.zeros((8, 6, 3), np.uint8))

    def tried(number):
        try:
            read_image(tmp_path / ("large.png" if number % 2 else "good.png"), SHAPE, "stretch")
        except DataError as error:
            return "at most" in str(error)
        return None

    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(tried, range(100))) == [None, True] * 50
    assert list(warnings.filters) == before


def test_broken_images_are_named(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (10, 12, 3), dtype=np.uint8)
    jpeg = save(tmp_path / "a.jpg", pixels).read_bytes()
    png = save(tmp_path / "a.png", pixels).read_bytes()
    path = tmp_path / "broken"
    for content in (b"", b"no image", jpeg[: len(jpeg) // 2], jpeg[:30], png[:60], png_header(4, 4)):
        path.write_bytes(content)
        text = refusal(path)
        assert text.startswith(str(path))
        assert "expected a PNG or JPEG image, found" in text
        assert "Remove or replace the file." in text


def test_a_text_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**27), 9))
    whole = save(tmp_path / "a.png", np.zeros((4, 4), np.uint8)).read_bytes()
    (tmp_path / "a.png").write_bytes(whole[:33] + bomb + whole[33:])
    assert "expected a PNG or JPEG image, found" in refusal(tmp_path / "a.png")


def test_other_formats_are_refused_whatever_they_call_themselves(tmp_path):
    path = tmp_path / "1.jpg"
    Image.new("RGB", (4, 4)).save(path, format="BMP")
    assert "expected a PNG or JPEG image, found another format" in refusal(path)


def test_a_missing_image_is_named(tmp_path):
    path = tmp_path / "gone.png"
    text = refusal(path)
    assert text.startswith(str(path))
    assert "No such file or directory" in text
