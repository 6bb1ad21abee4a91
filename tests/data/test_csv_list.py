import numpy as np
import pytest
from PIL import Image

from dnsearch.data import csv_list, sources
from dnsearch.data.facts import facts as facts_of
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data

SHAPE = (4, 5, 1)


def section(path, shape=SHAPE, resize="stretch"):
    return Data(source="csv", path=str(path), image_shape=shape, resize=resize)


def read(path, *fields):
    return sources.read(section(path, *fields))


def facts(path):
    return facts_of(section(path))


@pytest.fixture
def table(tmp_path):
    """A function: text → a CSV file beside images/0.png to images/5.png, whose pixels are their number."""
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    for number in range(6):
        Image.fromarray(np.full((4, 5), number, np.uint8)).save(folder / "images" / f"{number}.png")

    def written(text, encoding="utf-8"):
        (folder / "list.csv").write_text(text, encoding=encoding)
        return folder / "list.csv"

    return written


def rows(*entries, header="path,label"):
    return "\n".join([header, *entries]) + "\n"


GOOD = ("images/0.png,dog", "images/3.png,cat", "images/1.png,dog", "images/2.png,cat")


def refusal(path, read=lambda path: read(path, SHAPE, "stretch")):
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    return str(caught.value)


def test_a_list_is_read_in_its_order(table):
    original = read(table(rows(*GOOD)), SHAPE, "stretch")
    assert original.training.images[:, 0, 0, 0].tolist() == [0, 3, 1, 2]
    assert original.training.images.shape == (4, *SHAPE)
    assert original.training.labels.tolist() == [1, 0, 1, 0]
    assert original.class_names == ("cat", "dog")
    assert original.test is None
    assert original.largest_pixel == 255


def test_a_third_column_tells_the_test_images(table):
    entries = [f"{entry},train" for entry in GOOD] + ["images/5.png,cat,test"]
    original = read(table(rows(*entries, header="path,label,part")), SHAPE, "stretch")
    assert len(original.training) == 4
    assert original.test.images[:, 0, 0, 0].tolist() == [5]
    assert original.test.labels.tolist() == [0]


def test_columns_come_in_any_order_among_others_and_quoted(table):
    path = table('note,label,path\n"a, b","big dog",images/0.png\n,cat,"images/1.png"\n', "utf-8-sig")
    assert read(path).class_names == ("big dog", "cat")


def test_numbers_are_sorted_by_their_value(table):
    path = table(rows("images/0.png,10", "images/1.png,9", "images/2.png,2"))
    assert read(path).class_names == ("2", "9", "10")
    assert read(path, SHAPE, "stretch").training.labels.tolist() == [2, 1, 0]
    path = table(rows("images/0.png,10", "images/1.png,nine", f"images/2.png,{'9' * 5000}"))
    assert read(path).class_names == ("10", "9" * 5000, "nine")


def test_classes_are_counted_without_images(table):
    assert facts(table(rows("gone/1.png,a", "gone/2.png,b"))).classes == 2


@pytest.mark.parametrize(
    "outside",
    ["../secret.png", "images/../../secret.png", "/etc/secret.png", "C:\\secret.png", "..\\secret.png"],
)
def test_paths_that_lead_outside_are_refused_unopened(table, tmp_path, outside):
    (tmp_path / "secret.png").write_text("not an image: opening it would be told of as such")
    path = table(rows(*GOOD, f"{outside},cat"))
    assert refusal(path) == f"{path}:6\n  expected a path within the CSV file's folder, found {outside}"


def test_links_that_lead_outside_are_refused_and_others_followed(table, tmp_path):
    outside = tmp_path / "secret.png"
    Image.fromarray(np.zeros((4, 5), np.uint8)).save(outside)
    path = table(rows(*GOOD, "images/link.png,cat", "elsewhere/secret.png,cat"))
    link = path.parent / "images" / "link.png"
    link.symlink_to(outside)
    assert refusal(path) == f"{path}:6\n  expected a path within the CSV file's folder, found images/link.png"
    link.unlink()
    link.symlink_to("5.png")
    (path.parent / "elsewhere").symlink_to(tmp_path)
    assert refusal(path).startswith(f"{path}:7\n  expected a path within the CSV file's folder")
    (tmp_path / "alias").symlink_to(path.parent)
    path = table(rows(*GOOD, "images/link.png,cat"))
    assert read(tmp_path / "alias" / path.name).training.images[-1, 0, 0, 0] == 5


def test_what_is_no_image_is_never_opened(table):
    path = table(rows(*GOOD, "list.csv,cat"))
    assert f"{path}:6\n  expected a path ending in .png, .jpg, .jpeg, found list.csv" == refusal(path)
    assert "found nothing" in refusal(table(rows(*GOOD, ",cat")))


def test_missing_images_are_named_with_their_line(table):
    path = table(rows(*GOOD, "images/9.png,cat"))
    assert refusal(path) == f"{path}:6\n  expected an image that is there, found no file images/9.png"
    assert "found no file a\0.png" in refusal(table(rows(*GOOD, "a\0.png,cat")))


def test_broken_images_are_named(table):
    path = table(rows(*GOOD))
    broken = path.parent / "images" / "1.png"
    broken.write_bytes(broken.read_bytes()[:50])
    with pytest.raises(DataError) as caught:
        read(path, SHAPE, "stretch")
    assert str(caught.value).startswith(f"{broken}\n  expected a PNG or JPEG image")


@pytest.mark.parametrize(
    ("header", "entry", "message"),
    [
        ("path,label", "images/4.png", ":6\n  expected a label, found nothing"),
        ("path,label", "images/4.png, ", ":6\n  expected a label, found nothing"),
        ("path,label,part", "images/4.png,cat,valid", "expected part train or test, found nothing"),
        ("file,label", "images/4.png,cat", "expected the columns path and label, found file, label"),
        ("path,class", "images/4.png,cat", "path,label or path,label,part."),
    ],
)
def test_wrong_tables_are_refused(table, header, entry, message):
    assert message in refusal(table(rows(*GOOD, entry, header=header)))


def test_other_parts_are_refused(table):
    path = table(rows("images/0.png,a,train", "images/1.png,b,validation", header="path,label,part"))
    assert f"{path}:3\n  expected part train or test, found validation" == refusal(path)


def test_labels_of_the_test_images_alone_are_refused(table):
    entries = [f"{entry},train" for entry in GOOD] + ["images/5.png,bird,test"]
    path = table(rows(*entries, header="path,label,part"))
    assert f"{path}:6\n  expected a label that training images have, found bird" == refusal(path)


@pytest.mark.parametrize("text", ["", "path,label\n", "path,label\nimages/0.png,cat\n"])
def test_fewer_than_two_classes_are_refused(table, text):
    path = table(text)
    expected = "at least 2 labels of training images" if text else "the columns path and label, found nothing"
    for reader in (facts, read):
        assert f"expected {expected}" in refusal(path, reader)


def test_what_is_no_table_is_refused(table, tmp_path, monkeypatch):
    path = table("path,label\nä.png,cat\n", "latin-1")
    assert "expected a CSV file in UTF-8, found 'utf-8' codec can't decode" in refusal(path)
    path = table(rows(f"{'x' * 200_000}.png,cat"))
    assert "expected a CSV file in UTF-8, found field larger than field limit" in refusal(path)
    assert "No such file" in refusal(tmp_path / "gone.csv")
    monkeypatch.setattr(csv_list, "MAX_BYTES", 1000)
    assert "expected at most 1,000 bytes, found 200,0" in refusal(path)


def test_other_channel_numbers_are_refused(table):
    with pytest.raises(DataError, match="expected 1, 3 or 4 channels"):
        read(table(rows(*GOOD)), (4, 5, 2), "stretch")
