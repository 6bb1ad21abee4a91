import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from dnsearch.data import folder
from dnsearch.errors import DataError

SHAPE = (8, 6, 3)


def refusal(read, *arguments):
    with pytest.raises(DataError) as caught:
        read(*arguments)
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


def test_a_folder_is_read(flowers):
    original = folder.read(flowers, SHAPE)
    assert original.training.images.shape == (7, 8, 6, 3)
    assert original.training.images.dtype == np.uint8
    assert original.training.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert original.training.labels.dtype == np.int32
    assert original.class_names == ("daisy", "rose")
    assert original.test is None
    assert original.largest_pixel == 255


def test_images_of_the_right_size_are_taken_as_they_are(flowers):
    original = folder.read(flowers, (10, 12, 3))
    with Image.open(flowers / "daisy" / "2.png") as image:
        assert np.array_equal(original.training.images[2], np.asarray(image))


def test_files_are_read_in_the_order_of_their_names(flowers):
    for value, name in ((1, "b.png"), (2, "a.PNG"), (3, "B.Jpeg")):
        save(flowers / "daisy" / name, np.full((10, 12), value, np.uint8))
    images = folder.read(flowers, (10, 12, 1)).training.images
    assert images[4:7, 0, 0, 0].tolist() == [3, 2, 1]


def test_train_and_test_folders_are_the_split(flowers):
    (flowers / "train").mkdir()
    for name in ("daisy", "rose"):
        (flowers / name).rename(flowers / "train" / name)
    (flowers / "test" / "rose").mkdir(parents=True)
    save(flowers / "test" / "rose" / "0.png", np.full((3, 3), 9, np.uint8))
    original = folder.read(flowers, SHAPE)
    assert len(original.training) == 7
    assert original.test.labels.tolist() == [1]
    assert (original.test.images == 9).all()
    assert folder.class_names(flowers) == ("daisy", "rose")


def test_a_third_folder_makes_train_and_test_plain_classes(flowers):
    for name in ("train", "test"):
        (flowers / name).mkdir()
    assert folder.class_names(flowers) == ("daisy", "rose", "test", "train")


def test_hidden_entries_and_notes_are_passed_over(flowers):
    (flowers / ".cache").mkdir()
    (flowers / "README.txt").write_text("flowers")
    (flowers / "rose" / "notes.txt").write_text("red")
    (flowers / "rose" / ".hidden.png").write_text("no image")
    assert len(folder.read(flowers, SHAPE).training) == 7


def test_bilinear_resizing(tmp_path):
    path = save(tmp_path / "a.png", np.array([[0, 100], [100, 200]], np.uint8))
    resized = folder.read_image(path, (2, 4, 1))[..., 0]
    assert resized.tolist() == [[0, 25, 75, 100], [100, 125, 175, 200]]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_becomes_grey_or_rgb(tmp_path, mode, channels):
    ending = "jpg" if mode == "CMYK" else "png"
    path = save(tmp_path / f"a.{ending}", np.full((5, 4, 3), 255, np.uint8), mode)
    image = folder.read_image(path, (5, 4, channels))
    assert image.shape == (5, 4, channels)
    assert image.dtype == np.uint8
    assert (image >= 254).all()


def test_a_palette_with_transparency_is_read_without_a_warning(tmp_path):
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8), mode=None).convert("P")
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert folder.read_image(tmp_path / "a.png", (2, 2, 3)).shape == (2, 2, 3)


def test_sixteen_bits_are_refused(tmp_path):
    path = save(tmp_path / "deep.png", np.full((4, 4), 40_000, np.uint16))
    text = refusal(folder.read_image, path, SHAPE)
    assert text.startswith(str(path))
    assert "expected 8 bits per channel, found an image of mode I" in text
    assert "Save it with 8 bits per channel." in text


@pytest.mark.parametrize("channels", [2, 4, 64])
def test_other_channel_numbers_are_refused_with_the_fix(tmp_path, flowers, channels):
    path = save(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    for text in (
        refusal(folder.read_image, path, (8, 8, channels)),
        refusal(folder.read, flowers, (8, 8, channels)),
    ):
        assert f"data.image_shape\n  expected 1 or 3 channels for PNG and JPEG, found {channels}" in text
        assert "Use 1 for grey or 3 for RGB; for other images save arrays and use source: npz." in text


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000), (200_000, 200_000)])
def test_absurdly_large_images_are_refused_undecoded(flowers, width, height):
    """Between the two limits Pillow only warns; beyond both it raises."""
    path = flowers / "daisy" / "large.png"
    path.write_bytes(png_header(width, height))
    text = refusal(folder.read, flowers, SHAPE)
    assert text.startswith(str(path))
    assert "expected at most 89,478,485 pixels, found more" in text
    assert "Make the image smaller." in text


def test_broken_images_are_named(flowers):
    path = flowers / "rose" / "1.jpg"
    whole = path.read_bytes()
    png = (flowers / "daisy" / "0.png").read_bytes()
    for content in (b"", b"no image", whole[: len(whole) // 2], whole[:30], png[:60], png_header(4, 4)):
        path.write_bytes(content)
        text = refusal(folder.read, flowers, SHAPE)
        assert text.startswith(str(path))
        assert "expected a PNG or JPEG image, found" in text
        assert "Remove or replace the file." in text


def test_other_formats_are_refused_whatever_they_call_themselves(flowers):
    path = flowers / "rose" / "1.jpg"
    Image.new("RGB", (4, 4)).save(path, format="BMP")
    assert "cannot identify image file" in refusal(folder.read, flowers, SHAPE)


def test_other_endings_are_refused_not_forgotten(flowers):
    path = flowers / "rose" / "9.webp"
    path.write_bytes(b"")
    text = refusal(folder.read, flowers, SHAPE)
    assert text.startswith(str(path))
    assert "expected PNG or JPEG images, found .webp" in text
    assert "Convert it, or remove it." in text


def test_a_missing_image_is_named(tmp_path):
    path = tmp_path / "gone.png"
    text = refusal(folder.read_image, path, SHAPE)
    assert text.startswith(str(path))
    assert "No such file or directory" in text


def test_a_missing_folder_says_where_it_looked_and_what_it_wanted(tmp_path):
    for text in (
        refusal(folder.class_names, tmp_path / "gone"),
        refusal(folder.read, tmp_path / "gone", SHAPE),
    ):
        assert text.startswith(str(tmp_path / "gone"))
        assert "expected a folder with at least 2 sub-folders, one per class, found no such folder" in text
        assert "put its PNG or JPEG images into it, or correct data.path" in text


def test_a_single_class_is_refused(flowers):
    for path in (flowers / "rose").iterdir():
        path.unlink()
    assert "rose\n  expected images ending in .png, .jpg, .jpeg, found none" in refusal(
        folder.read, flowers, SHAPE
    )
    (flowers / "rose").rmdir()
    assert "one per class, found 1" in refusal(folder.read, flowers, SHAPE)


def test_a_class_of_the_test_images_alone_is_refused(flowers):
    (flowers / "train").mkdir()
    for name in ("daisy", "rose"):
        (flowers / name).rename(flowers / "train" / name)
    (flowers / "test").mkdir()
    assert "expected test images in sub-folders, one per class, found none" in refusal(
        folder.read, flowers, SHAPE
    )
    (flowers / "test" / "tulip").mkdir()
    text = refusal(folder.read, flowers, SHAPE)
    assert text.startswith(str(flowers / "test"))
    assert "expected the classes of the training images, found also tulip" in text
    assert "spell the sub-folders alike" in text
