import errno
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from dnsearch.data.facts import facts
from dnsearch.data.sources import load
from dnsearch.errors import DataError
from dnsearch.spec.data_section import SOURCES as SOURCE_KINDS
from dnsearch.spec.data_section import Data, Facts, Source

FIXTURES = {"svhn": "house_numbers", "idx": "mnist", "folder": "flowers"}


@pytest.fixture
def section(request):
    """A function: source → its data section, with more values if wanted."""

    def path(source):
        if source == "digits":
            return None
        if source == "npz":
            return str(request.getfixturevalue("save_npz")(request.getfixturevalue("arrays")))
        if source != "csv":
            return str(request.getfixturevalue(FIXTURES.get(source, source)))
        flowers = request.getfixturevalue("flowers")
        images = sorted(path.relative_to(flowers) for path in flowers.glob("*/*.*"))
        rows = [f"{path},{path.parent}" for path in images]
        (flowers / "list.csv").write_text("\n".join(["path,label", *rows]))
        return str(flowers / "list.csv")

    def made(source, **values):
        shape = {"image_shape": (8, 6, 3)} if source in {"folder", "csv"} else {}
        return Data(source=source, path=path(source), **{**shape, **values})

    return made


SOURCES = ["digits", "cifar10", "cifar100", "svhn", "idx", "npz", "folder", "csv"]
FACTS = {
    "digits": Facts((8, 8, 1), 10),
    "cifar10": Facts((32, 32, 3), 10),
    "cifar100": Facts((32, 32, 3), 100),
    "svhn": Facts((32, 32, 3), 10),
    "idx": Facts((6, 5, 1), 4),
    "npz": Facts((4, 5, 3), 3),
    "folder": Facts((8, 6, 3), 2),
    "csv": Facts((8, 6, 3), 2),
}
SIZES = {
    "digits": (1294, 144, 359),
    "cifar10": (90, 10, 20),
    "cifar100": (100, 100, 100),
    "svhn": (40, 10, 20),
    "idx": (36, 4, 12),
    "npz": (27, 3, 9),
    "folder": (5, 2, 0),
    "csv": (5, 2, 0),
}


@pytest.mark.parametrize("source", SOURCES)
def test_facts_are_what_loading_finds(section, source):
    assert facts(section(source)) == FACTS[source]
    known = FACTS[source]
    dataset = load(section(source, image_shape=known.image_shape, classes=known.classes))
    assert Facts(dataset.image_shape, len(dataset.class_names)) == FACTS[source]


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_sound_parts(section, source):
    dataset = load(section(source))
    test = dataset.test
    assert (len(dataset.training), len(dataset.validation), len(test) if test else 0) == SIZES[source]
    for part in (dataset.training, dataset.validation, *([test] if test else [])):
        assert part.images.dtype == np.uint8
        assert part.images.shape == (len(part), *dataset.image_shape)
        assert part.labels.dtype == np.int32
        assert part.labels.min() >= 0
        assert part.labels.max() < len(dataset.class_names)
    assert set(dataset.validation.labels) == set(dataset.training.labels)


def test_equal_sections_load_equal_images(section):
    first, again = load(section("idx")), load(section("idx"))
    for one, other in ((first.training, again.training), (first.validation, again.validation)):
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)
    assert first.scaling == again.scaling


def test_another_split_seed_holds_out_other_images_and_keeps_the_test_images():
    first, other = (load(Data(source="digits", split_seed=seed)) for seed in (0, 1))
    assert not np.array_equal(first.validation.images, other.validation.images)
    assert not np.array_equal(first.training.images, other.training.images)
    assert np.array_equal(first.test.images, other.test.images)


@pytest.mark.parametrize(
    ("source", "largest"),
    [("cifar10", 255), ("idx", 255), ("npz", 255), ("folder", 255), ("svhn", 255), ("csv", 255)],
)
def test_bytes_are_divided_by_255_whatever_the_images_hold(section, source, largest):
    scaling = load(section(source, normalize="unit")).scaling
    assert set(scaling.offset) == {0.0}
    assert set(scaling.scale) == {float(largest)}


def test_floats_are_divided_by_the_largest_training_pixel(arrays, save_npz):
    floats = {name: array / 100 if array.ndim == 4 else array for name, array in arrays.items()}
    dataset = load(Data(source="npz", path=str(save_npz(floats)), normalize="unit"))
    assert dataset.scaling.scale == (float(dataset.training.images.max()),) * 3


def test_the_scaling_is_measured_on_the_training_images_alone():
    dataset = load(Data(source="digits", training_examples=50))
    pixels = dataset.training.images.astype(np.float64)
    assert len(dataset.training) == 50
    np.testing.assert_allclose(dataset.scaling.offset, [pixels.mean()], rtol=1e-12)
    np.testing.assert_allclose(dataset.scaling.scale, [pixels.std()], rtol=1e-12)


def test_fewer_training_examples_leave_the_validation_images_alone():
    whole, part = load(Data(source="digits")), load(Data(source="digits", training_examples=100))
    assert np.bincount(part.training.labels).tolist() == [10] * 10
    assert np.array_equal(whole.validation.images, part.validation.images)


def test_more_training_examples_than_there_are_are_refused(section):
    assert len(load(section("idx", training_examples=36)).training) == 36
    with pytest.raises(DataError, match=r"expected at most 36, .*, found 37"):
        load(section("idx", training_examples=37))


@pytest.mark.parametrize("source", ["digits", "cifar10", "cifar100", "svhn", "idx", "npz"])
def test_another_image_shape_is_refused_with_both_figures(section, source):
    declared = section(source, image_shape=(7, 7, 2))
    with pytest.raises(DataError) as caught:
        load(declared)
    text = str(caught.value)
    assert text.startswith("data.image_shape\n")
    assert f"expected {list(FACTS[source].image_shape)}, as in {declared.path or 'digits'}" in text
    assert f"found [7, 7, 2]\n  Correct data.image_shape, or leave it out; {source} knows its own." in text


@pytest.mark.parametrize("source", SOURCES)
def test_another_number_of_classes_is_refused_with_both_figures(section, source):
    declared = section(source, classes=77)
    with pytest.raises(DataError) as caught:
        load(declared)
    text = str(caught.value)
    assert text.startswith("data.classes\n")
    assert f"expected {FACTS[source].classes}, as in {declared.path or 'digits'}, found 77" in text
    assert "Correct data.classes, or leave it out: it is counted then." in text


@pytest.mark.parametrize("source", ["idx", "npz", "folder", "csv"])
def test_facts_believe_what_is_declared_where_the_files_are_not(source):
    declared = Data(source=source, path="nowhere/at/all", image_shape=(5, 6, 3), classes=77)
    assert facts(declared) == Facts((5, 6, 3), 77, masks=None if source == "npz" else False)
    with pytest.raises(DataError, match="nowhere/at/all"):
        load(declared)


@pytest.mark.parametrize("source", ["idx", "npz", "folder", "csv"])
def test_facts_say_where_they_looked(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        facts(Data(source=source, path="images", image_shape=(5, 6, 3)))
    assert str(caught.value).startswith(str(tmp_path / "images"))


@pytest.mark.parametrize("source", ["idx", "npz"])
def test_facts_combine_what_is_declared_and_what_is_found(section, source):
    assert facts(section(source, classes=9)) == Facts(FACTS[source].image_shape, 9)
    assert facts(section(source, image_shape=(1, 2, 3))) == Facts((1, 2, 3), FACTS[source].classes)


@pytest.mark.parametrize("source", ["digits", "cifar10", "cifar100", "svhn"])
def test_facts_need_no_files_to_refuse_what_is_known(source):
    path = "nowhere" if source == "svhn" else None
    with pytest.raises(DataError, match=r"data.classes\n  expected 100?, as in .*, found 12"):
        facts(Data(source=source, path=path, classes=12))
    with pytest.raises(DataError, match=r"data.image_shape\n.*found \[9, 9, 1\]"):
        facts(Data(source=source, path=path, image_shape=(9, 9, 1)))


def test_facts_refuse_other_channel_numbers_of_a_folder(section):
    with pytest.raises(DataError, match="expected 1, 3 or 4 channels for PNG and JPEG, found 2"):
        facts(section("folder", image_shape=(8, 8, 2), classes=3))


def test_the_cifars_are_looked_for_in_their_default_place(tmp_path, monkeypatch, cifar10):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        load(Data(source="cifar10"))
    assert str(caught.value).startswith(str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    cifar10.rename(tmp_path / "data" / "cifar-10-batches-py")
    assert len(load(Data(source="cifar10")).training) == 90


def test_what_is_light_stays_light(flowers):
    script = f"""
import sys
from dnsearch.data.facts import facts
from dnsearch.spec.data_section import SOURCES, Data
for source in SOURCES:
    image_files = dict(image_shape=(8, 8, 1), classes=2 if source == "masks" else None)
    if source == "folder" or SOURCES[source].facts or source == "masks":
        facts(Data(
            source=source,
            path=None if SOURCES[source].path == "refused" else {str(flowers)!r},
            **(image_files if SOURCES[source].resized else {{}}),
        ))
print({{"numpy", "PIL", "tensorflow", "keras", "sklearn", "scipy"}} & sys.modules.keys())
from dnsearch.data.sources import load
load(Data(source="digits"))
print({{"tensorflow", "keras"}} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\nset()\n"


@pytest.mark.parametrize("source", SOURCE_KINDS)
def test_every_kind_in_the_table_has_facts_and_a_reader(source):
    kind = SOURCE_KINDS[source]
    module = import_module(f"dnsearch.data.{kind.module}")
    assert callable(module.read)
    known = kind.facts or source == "masks" or callable(module.class_names if kind.resized else module.facts)
    assert known
    assert tuple(SOURCE_KINDS) == get_args(Source)


def test_a_folder_of_somebody_else_is_refused(flowers, monkeypatch):
    data = Data(source="folder", path=str(flowers), image_shape=(8, 8, 3))
    rose = flowers / "rose"
    iterdir = Path.iterdir

    def forbidden(folder):
        if folder == rose:
            raise PermissionError(errno.EACCES, "Permission denied", str(rose))
        return iterdir(folder)

    monkeypatch.setattr(Path, "iterdir", forbidden)
    with pytest.raises(DataError) as caught:
        load(data)
    expected = f"{rose}\n  expected a file or folder that can be read, found Permission denied\n"
    assert str(caught.value).startswith(expected)


def test_a_path_that_is_too_long_is_refused():
    for source, shape in (("folder", (8, 8, 3)), ("svhn", None), ("npz", None), ("idx", None)):
        with pytest.raises(DataError, match="File name too long"):
            load(Data(source=source, path="a" * 300, image_shape=shape))
