import numpy as np
import pytest
from PIL import Image

from dnsearch.data import class_folder, sources
from dnsearch.data.facts import facts as facts_of
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data

SHAPE = (8, 6, 3)


def section(path, shape=SHAPE, resize="stretch"):
    return Data(source="folder", path=str(path), image_shape=shape, resize=resize)


def read(path, *fields):
    return sources.read(section(path, *fields))


def facts(path):
    return facts_of(section(path))


def refusal(read, *arguments):
    with pytest.raises(DataError) as caught:
        read(*arguments)
    return str(caught.value)


def save(path, pixels, mode=None):
    image = Image.fromarray(np.asarray(pixels))
    (image.convert(mode) if mode else image).save(path)
    return path


def test_a_folder_is_read(flowers):
    original = read(flowers, SHAPE, "stretch")
    assert original.training.images.shape == (7, 8, 6, 3)
    assert original.training.images.dtype == np.uint8
    assert original.training.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    assert original.training.labels.dtype == np.int32
    assert original.class_names == ("daisy", "rose")
    assert original.test is None
    assert original.largest_pixel == 255


def test_images_of_the_right_size_are_taken_as_they_are(flowers):
    original = read(flowers, (10, 12, 3), "stretch")
    with Image.open(flowers / "daisy" / "2.png") as image:
        assert np.array_equal(original.training.images[2], np.asarray(image))


def test_files_are_read_in_the_order_of_their_names(flowers):
    for value, name in ((1, "b.png"), (2, "a.PNG"), (3, "B.Jpeg")):
        save(flowers / "daisy" / name, np.full((10, 12), value, np.uint8))
    images = read(flowers, (10, 12, 1), "stretch").training.images
    assert images[4:7, 0, 0, 0].tolist() == [3, 2, 1]


def test_train_and_test_folders_are_the_split(flowers):
    (flowers / "train").mkdir()
    for name in ("daisy", "rose"):
        (flowers / name).rename(flowers / "train" / name)
    (flowers / "test" / "rose").mkdir(parents=True)
    save(flowers / "test" / "rose" / "0.png", np.full((3, 3), 9, np.uint8))
    original = read(flowers, SHAPE, "stretch")
    assert len(original.training) == 7
    assert original.test.labels.tolist() == [1]
    assert (original.test.images == 9).all()
    assert class_folder.class_names(section(flowers)) == ("daisy", "rose")


def test_a_third_folder_makes_train_and_test_plain_classes(flowers):
    for name in ("train", "test"):
        (flowers / name).mkdir()
    assert class_folder.class_names(section(flowers)) == ("daisy", "rose", "test", "train")


def test_hidden_entries_and_notes_are_passed_over(flowers):
    (flowers / ".cache").mkdir()
    (flowers / "README.txt").write_text("flowers")
    (flowers / "rose" / "notes.txt").write_text("red")
    (flowers / "rose" / ".hidden.png").write_text("no image")
    assert len(read(flowers, SHAPE, "stretch").training) == 7


def test_other_endings_are_refused_not_forgotten(flowers):
    path = flowers / "rose" / "9.webp"
    path.write_bytes(b"")
    text = refusal(read, flowers, SHAPE, "stretch")
    assert text.startswith(str(path))
    assert "expected PNG or JPEG images, found .webp" in text
    assert "Convert it, or remove it." in text


def test_a_missing_folder_says_where_it_looked_and_what_it_wanted(tmp_path):
    for text in (
        refusal(facts, tmp_path / "gone"),
        refusal(read, tmp_path / "gone", SHAPE, "stretch"),
    ):
        assert text.startswith(str(tmp_path / "gone"))
        assert "expected a folder with at least 2 sub-folders, one per class, found no such folder" in text
        assert "put its PNG or JPEG images into it, or correct data.path" in text


def test_a_single_class_is_refused(flowers):
    for path in (flowers / "rose").iterdir():
        path.unlink()
    assert "rose\n  expected images ending in .png, .jpg, .jpeg, found none" in refusal(
        read, flowers, SHAPE, "stretch"
    )
    (flowers / "rose").rmdir()
    assert "one per class, found 1" in refusal(read, flowers, SHAPE, "stretch")


def test_a_class_of_the_test_images_alone_is_refused(flowers):
    (flowers / "train").mkdir()
    for name in ("daisy", "rose"):
        (flowers / name).rename(flowers / "train" / name)
    (flowers / "test").mkdir()
    assert "expected test images in sub-folders, one per class, found none" in refusal(
        read, flowers, SHAPE, "stretch"
    )
    (flowers / "test" / "tulip").mkdir()
    text = refusal(read, flowers, SHAPE, "stretch")
    assert text.startswith(str(flowers / "test"))
    assert "expected the classes of the training images, found also tulip" in text
    assert "spell the sub-folders alike" in text


@pytest.mark.parametrize("channels", [2, 64])
def test_other_channel_numbers_are_refused(flowers, channels):
    text = refusal(read, flowers, (8, 8, channels), "stretch")
    assert f"data.image_shape\n  expected 1, 3 or 4 channels for PNG and JPEG, found {channels}" in text


def test_a_broken_image_is_named(flowers):
    path = flowers / "rose" / "1.jpg"
    path.write_bytes(path.read_bytes()[:200])
    assert refusal(read, flowers, SHAPE, "stretch").startswith(f"{path}\n  expected a PNG or JPEG image")


def test_links_that_lead_outside_are_refused_and_others_followed(flowers, tmp_path):
    secret = save(tmp_path / "secret.png", np.zeros((4, 5), np.uint8))
    link = flowers / "rose" / "9.png"
    link.symlink_to(secret)
    text = refusal(read, flowers, SHAPE, "stretch")
    assert text.startswith(f"{link}\n  expected a file within {flowers}, found a link to {secret}\n")
    link.unlink()
    link.symlink_to("../daisy/2.png")
    (tmp_path / "alias").symlink_to(flowers)
    assert len(read(tmp_path / "alias", SHAPE, "stretch").training) == 8
    (tmp_path / "tulip").mkdir()
    save(tmp_path / "tulip" / "1.png", np.zeros((4, 5), np.uint8))
    (flowers / "tulip").symlink_to(tmp_path / "tulip")
    assert "tulip/1.png\n  expected a file within" in refusal(read, flowers, SHAPE, "stretch")


def test_links_in_a_circle(flowers, tmp_path):
    link = flowers / "rose" / "9.png"
    link.symlink_to("9.png")
    said = f"{link}\n  expected a PNG or JPEG image, found Too many levels of symbolic links"
    assert refusal(read, flowers, SHAPE, "stretch").startswith(said)
    link.unlink()
    (tmp_path / "circle").symlink_to("circle")
    link.symlink_to(tmp_path / "circle")
    said = f"{link}\n  expected a file within {flowers}, found a link to {tmp_path / 'circle'}\n"
    assert refusal(read, flowers, SHAPE, "stretch").startswith(said)
