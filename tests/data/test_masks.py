"""Images with masks, in folders and in archives; masks as pictures."""

import io

import numpy as np
import pytest
from PIL import Image

from dnsearch.data.facts import facts
from dnsearch.data.masks import image_png, mask_png, overlaid, palette
from dnsearch.data.sources import load
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data, Facts

SHAPE = (6, 8, 3)


@pytest.fixture
def cells(tmp_path):
    """A folder of 6 training and 2 test images of 8x6; masks of 0, 1 and, in a corner, 255."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 6), ("test", 2)):
        for kind in ("images", "masks"):
            (tmp_path / part / kind).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, SHAPE, dtype=np.uint8)
            mask = (pixels[..., 0] > 127).astype(np.uint8)
            mask[0, 0] = 255
            Image.fromarray(pixels).save(tmp_path / part / "images" / f"{number}.png")
            Image.fromarray(mask).save(tmp_path / part / "masks" / f"{number}.png")
    return tmp_path


def section(folder, **fields):
    wanted = {"image_shape": SHAPE, "classes": 2, "ignore_label": 255, "validation_fraction": 0.34}
    return Data(source="masks", path=str(folder), **(wanted | fields))


def refused(folder, **fields):
    with pytest.raises(DataError) as caught:
        load(section(folder, **fields))
    return str(caught.value)


def test_images_and_masks_belong_together(cells):
    dataset = load(section(cells, class_names=("ground", "cell"), classes=None))
    assert dataset.class_names == ("ground", "cell")
    assert [len(part) for part in (dataset.training, dataset.validation, dataset.test)] == [4, 2, 2]
    for part in (dataset.training, dataset.validation, dataset.test):
        expected = (part.images[..., 0] > 127).astype(np.int32)
        expected[:, 0, 0] = -1
        np.testing.assert_array_equal(part.labels, expected)
    assert sum(dataset.test.counts(2)) == 2 * (6 * 8 - 1)


def test_facts_are_known_without_a_file():
    assert facts(section("nowhere")) == Facts(SHAPE, 2, masks=True)
    assert facts(Data(source="scenes")) == Facts((32, 32, 1), 11, masks=True)


def test_palettes_and_single_bits_are_class_numbers(cells):
    path = cells / "train" / "masks" / "0.png"
    mask = np.asarray(Image.open(path)) % 2
    palette = Image.fromarray(mask)
    palette.putpalette([200, 0, 0, 0, 200, 0])
    for image in (palette, Image.fromarray(mask * 255).convert("1")):
        image.save(path)
        assert image.mode in {"P", "1"}
        (found,) = [
            labels
            for labels in np.concatenate(
                [load(section(cells)).training.labels, load(section(cells)).validation.labels]
            )
            if (labels == mask).all()
        ]
        assert found.dtype == np.int32


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
def test_masks_are_resized_as_their_images_by_the_nearest(cells, resize):
    """Blocks of 4 pixels of one class, halved; bars do not count."""
    for part in ("train", "test"):
        for path in (cells / part / "images").iterdir():
            Image.new("RGB", (16, 8)).save(path)
            mask = np.kron(np.array([[0, 1, 1, 0], [1, 0, 0, 1]]), np.ones((4, 4))).astype(np.uint8)
            Image.fromarray(mask).save(cells / part / "masks" / path.name)
    found = load(section(cells, image_shape=(8, 8, 3), resize=resize)).training.labels[0]
    middle = np.kron(np.array([[0, 1, 1, 0], [1, 0, 0, 1]]), np.ones((2, 2), int))
    expected = {
        "stretch": np.kron(np.array([[0, 1, 1, 0], [1, 0, 0, 1]]), np.ones((4, 2), int)),
        "crop": np.kron(np.array([[1, 1], [0, 0]]), np.ones((4, 4), int)),
        "pad": np.pad(middle, ((2, 2), (0, 0)), constant_values=-1),
    }
    np.testing.assert_array_equal(found, expected[resize])


def test_a_missing_mask(cells):
    (cells / "train" / "masks" / "3.png").unlink()
    assert refused(cells).startswith(
        f"{cells}/train/images/3.png\n  expected a mask masks/3.png, found none\n"
    )


def test_a_mask_without_its_image(cells):
    (cells / "test" / "images" / "1.png").unlink()
    assert refused(cells).startswith(f"{cells}/test/masks/1.png\n  expected an image of this name in images/")


def test_two_images_of_one_name(cells):
    Image.new("RGB", (8, 6)).save(cells / "train" / "images" / "3.jpg")
    assert "expected every name once, found also 3.jpg" in refused(cells)


@pytest.mark.parametrize("kind", ["images", "masks"])
def test_links_that_lead_outside(cells, tmp_path_factory, kind):
    path, secret = min((cells / "train" / kind).iterdir()), tmp_path_factory.mktemp("elsewhere") / "1.png"
    path.rename(secret)
    path.symlink_to(secret)
    expected = f"{path}\n  expected a file within {cells}, found a link to {secret}\n"
    assert refused(cells).startswith(expected)


def test_a_mask_of_another_size(cells):
    Image.new("L", (8, 7)).save(cells / "train" / "masks" / "2.png")
    expected = "train/masks/2.png\n  expected the size of its image 2.png, 8x6, found 8x7\n"
    assert expected in refused(cells)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
def test_a_mask_of_colours(cells, mode):
    Image.new(mode, (8, 6)).save(cells / "train" / "masks" / "2.png")
    text = refused(cells)
    assert "2.png\n  expected one class number per pixel, 8 bits, found mode " in text
    assert "Save it as a PNG in grey or with a palette, whose values are class numbers from 0." in text


def test_a_jpeg_that_calls_itself_a_mask(cells):
    with (cells / "train" / "masks" / "2.png").open("wb") as file:
        Image.new("L", (8, 6)).save(file, "JPEG")
    assert "expected one class number per pixel, 8 bits, found a JPEG" in refused(cells)


def test_numbers_that_no_class_has(cells):
    text = refused(cells, ignore_label=None)
    assert "0.png\n  expected labels from 0 to 1, found 255\n" in text
    assert "Name more classes, or set data.ignore_label." in text


def test_a_mask_that_ends_early(cells):
    path = cells / "test" / "masks" / "1.png"
    path.write_bytes(path.read_bytes()[:-30])
    assert refused(cells).startswith(f"{path}\n  expected a PNG or JPEG image, found ")


def test_a_mask_of_absurd_size_is_refused_undecoded(cells):
    path = cells / "train" / "masks" / "0.png"
    content = bytearray(path.read_bytes())
    content[16:24] = (100_000).to_bytes(4, "big") * 2
    path.write_bytes(content)
    assert refused(cells).startswith(f"{path}\n  expected ")


def test_masks_of_which_no_pixel_counts(cells):
    for path in cells.glob("*/masks/*.png"):
        Image.new("L", (8, 6), 255).save(path)
    assert "expected pixels that count in training, validation and test, found ignore_label 255" in refused(
        cells
    )


def test_foreign_files_and_missing_folders(cells):
    (cells / "train" / "masks" / "notes.txt").touch()
    assert "notes.txt\n  expected files ending in .png alone, found .txt" in refused(cells)
    text = refused(cells / "test" / "images")
    assert f"{cells}/test/images/images\n  expected a folder of files ending in .png, .jpg, .jpeg" in text


def masked(arrays):
    """The archive with masks of 5 classes, one pixel of which does not count."""
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        labels = rng.integers(0, 3, arrays[f"x_{part}"].shape[:3])
        labels[0, 0, 0] = -100
        arrays[f"y_{part}"] = labels
    return arrays


def test_an_archive_with_masks(arrays, save_npz):
    path = str(save_npz(masked(arrays)))
    data = Data(source="npz", path=path, ignore_label=-100)
    assert facts(data) == Facts((4, 5, 3), 3, masks=True)
    dataset = load(data)
    assert dataset.has_masks and dataset.class_names == ("0", "1", "2")
    assert sum(sum(part.counts(3)) for part in (dataset.training, dataset.validation)) == 30 * 20 - 1
    named = Data(source="npz", path=path, ignore_label=-100, class_names=("a", "b", "c", "rare"))
    assert load(named).class_names == ("a", "b", "c", "rare")


def test_archives_whose_masks_do_not_fit(arrays, save_npz):
    whole = masked(arrays)
    for changed, fields, expected in (
        ({"y_train": whole["y_train"][:, :3]}, {}, r"expected masks of the images' size, \[30, 4, 5\]"),
        ({}, {"ignore_label": None}, "expected whole labels from 0 to 99999, found -100 for a pixel"),
        ({}, {"classes": 2}, "expected labels from 0 to 1, found 2 for image 0"),
        (
            {"y_test": np.zeros(9, int)},
            {},
            "expected no data.ignore_label, since y_train has one label per image",
        ),
        ({"y_train": np.full((30, 4, 5), 0.5)}, {}, "expected whole labels from 0 to 99999, found 0.5"),
    ):
        path = str(save_npz(whole | changed))
        with pytest.raises(DataError, match=expected):
            load(Data(**({"source": "npz", "path": path, "ignore_label": -100} | fields)))


def test_labels_beside_masks(arrays, save_npz):
    whole = {name: array.clip(0) for name, array in masked(arrays).items()} | {"y_test": np.zeros(9, int)}
    with pytest.raises(
        DataError, match="y_test\n  expected labels like those of the training images, found shape"
    ):
        load(Data(source="npz", path=str(save_npz(whole))))


def test_names_that_are_too_few(arrays, save_npz):
    data = Data(source="npz", path=str(save_npz(arrays)), class_names=("a", "b"))
    with pytest.raises(
        DataError, match=r"data.class_names\n  expected 3 names, one for each class of the labels"
    ):
        load(data)


def test_a_mask_s_file_holds_its_numbers_and_colours():
    mask = np.arange(12).reshape(3, 4)
    image = Image.open(io.BytesIO(mask_png(mask, 12)))
    assert image.mode == "P"
    np.testing.assert_array_equal(np.asarray(image), mask)
    np.testing.assert_array_equal(np.asarray(image.convert("RGB")), palette(12)[mask])


def test_the_colours_are_those_of_pascal_voc_and_all_different():
    colours = palette(256)
    assert colours[[15, 20, 255]].tolist() == [[192, 128, 128], [0, 64, 128], [224, 224, 192]]
    assert len(np.unique(colours, axis=0)) == 256


def test_an_overlay_leaves_pixels_that_do_not_count():
    image = np.full((1, 2, 3), 0.5, np.float32)
    painted = overlaid(image, np.array([[-1, 1]]), 2)
    np.testing.assert_allclose(painted[0], [[0.5] * 3, [0.25 + 64 / 255, 0.25, 0.25]], atol=1e-6)
    shown = np.asarray(Image.open(io.BytesIO(image_png(painted))))
    assert shown[0].tolist() == [[128] * 3, [128, 64, 64]]
