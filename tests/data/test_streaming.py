"""Files that are read when their batch is made give what files held in memory give."""

import numpy as np
import pytest
from PIL import Image

from dnsearch.data import dataset, split
from dnsearch.data.batches import epoch_order, evaluation_batches, training_batches
from dnsearch.data.image_files import Files
from dnsearch.data.sources import load
from dnsearch.errors import DataError
from dnsearch.spec.data_section import Data

pytestmark = pytest.mark.usefixtures("tensorflow_ready")  # before anything else uses TensorFlow


@pytest.fixture
def photographs(tmp_path):
    """A folder of 2 classes, 60 training and 8 test images of different sizes, and a list of the same."""
    rng = np.random.default_rng(0)
    lines = ["path,label,part"]
    for part, count in (("train", 30), ("test", 4)):
        for name in ("day", "night"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                shape = (*rng.integers(5, 40, 2), 3)
                ending = ("png", "jpg")[number % 2]
                path = tmp_path / part / name / f"{number:02d}.{ending}"
                Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(path)
                lines.append(f"{path.relative_to(tmp_path)},{name},{part}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    return tmp_path


def section(folder, source="folder", **values):
    path = folder if source == "folder" else folder / "list.csv"
    return Data(source=source, path=str(path), image_shape=(12, 10, 3), **values)


@pytest.fixture
def streamed(monkeypatch):
    """A function: data section → the dataset, with nothing held in memory."""

    def loaded(data):
        with monkeypatch.context() as patch:
            patch.setattr(dataset, "MEMORY_SHARE", 0)
            found = load(data)
        assert isinstance(found.training.images, Files)
        assert isinstance(found.test.images, Files)
        return found

    return loaded


def collected(dataset):
    return [(dataset.numpy(), labels.numpy()) for dataset, labels in dataset]


@pytest.mark.parametrize(("source", "resize"), [("folder", "stretch"), ("folder", "crop"), ("csv", "pad")])
def test_batches_and_scaling_are_the_same_bit_for_bit(photographs, streamed, source, resize):
    data = section(photographs, source, resize=resize, training_examples=47)
    held, files = load(data), streamed(data)
    assert files.scaling == held.scaling
    assert files.image_shape == held.image_shape
    order = epoch_order(47, 0, 1)
    for one, other in (
        *zip(
            *(collected(training_batches(d.training, d.scaling, 8, order)) for d in (held, files)),
            strict=True,
        ),
        *zip(*(collected(evaluation_batches(d.test, d.scaling, 3)) for d in (held, files)), strict=True),
    ):
        assert one[0].dtype == other[0].dtype == np.float32
        assert np.array_equal(one[0], other[0])
        assert np.array_equal(one[1], other[1])


def test_batches_have_the_promised_types(photographs, streamed):
    dataset = streamed(section(photographs))
    pixels, labels = next(iter(evaluation_batches(dataset.training, dataset.scaling, 8)))
    assert pixels.shape.as_list() == [8, 12, 10, 3]
    assert labels.shape.as_list() == [8]


def test_chunks_do_not_change_the_statistics_at_all(photographs, streamed, monkeypatch):
    whole = load(section(photographs)).scaling
    for chunk in (1, 1000):
        monkeypatch.setattr(split, "CHUNK_PIXELS", chunk)
        assert streamed(section(photographs)).scaling == whole


def test_unit_scaling_reads_nothing(photographs, streamed):
    for path in photographs.glob("train/*/*"):
        path.write_bytes(b"")
    assert streamed(section(photographs, normalize="unit")).scaling.scale == (255.0,) * 3


def test_files_stay_files_where_memory_is_short(photographs, monkeypatch):
    from dnsearch import environment

    wanted = 68 * 12 * 10 * 3
    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 4 * wanted - 1)
    assert isinstance(load(section(photographs)).training.images, Files)
    monkeypatch.setattr(environment, "free_memory_bytes", lambda: 4 * wanted)
    assert isinstance(load(section(photographs)).training.images, np.ndarray)


def test_broken_files_are_found_when_the_scaling_is_measured(photographs, streamed):
    broken = sorted((photographs / "train" / "day").iterdir())
    for path in broken:
        path.write_bytes(b"no image")
    with pytest.raises(DataError, match="found another format") as caught:
        streamed(section(photographs))
    assert str(caught.value).splitlines()[0] in map(str, broken)


def test_a_file_that_goes_during_a_training_is_told_of_as_at_any_time(photographs, streamed):
    dataset = streamed(section(photographs))
    gone = photographs / "train" / "night" / "07.jpg"
    gone.unlink()
    batches = evaluation_batches(dataset.training, dataset.scaling, 8)
    whole = evaluation_batches(dataset.validation, dataset.scaling, 8)
    with pytest.raises(DataError) as caught:
        collected(batches), collected(whole)
    lines = str(caught.value).splitlines()
    assert lines[0] == str(gone)
    assert lines[1].startswith("  expected a PNG or JPEG image, found No such file or directory")
    assert lines[2] == "  Remove or replace the file."
    assert len(lines) == 3


def test_a_choice_of_files_reads_nothing():
    files = Files(("a.png", "b.png", "c.png"), (2, 3, 1), "crop")
    assert files[np.array([2, 0])].paths == ("c.png", "a.png")
    assert files[1:].paths == ("b.png", "c.png")
    assert files[1:].shape == (2, 2, 3, 1)
    assert files.nbytes == 18
