"""What has to be known of the images before a network can be planned, without loading them.

Planning and counting must not take seconds, so nothing here imports TensorFlow or scikit-learn, and
headers are read instead of images.

From the ``data`` section to images that are parted and ready to be batched.
"""

from dataclasses import replace
from pathlib import Path

from dnsearch.data import cifar, csv_list, digits, folder, idx, masks, npz, scenes, svhn
from dnsearch.data.checks import check_declared, refuse
from dnsearch.data.dataset import Dataset, Original, Split
from dnsearch.data.image_files import supported
from dnsearch.data.split import hold_out, scaling, subset
from dnsearch.spec.data_section import Data, Facts

KNOWN = {
    "digits": Facts((8, 8, 1), 10),
    "scenes": Facts((32, 32, 1), 11, masks=True),
    "cifar10": Facts((32, 32, 3), 10),
    "cifar100": Facts((32, 32, 3), 100),
    "svhn": Facts((32, 32, 3), 10),
}


def facts(data: Data) -> Facts:
    """The facts, from what is known, else from the spec, else from the files' headers.

    What the spec declares is believed here and compared with the files when they are loaded.

    >>> facts(Data(source="cifar10"))
    Facts(image_shape=(32, 32, 3), classes=10, masks=False)

    Raises:
        DataError: the spec contradicts what is known, or a file that is needed is missing or broken.
    """
    known = KNOWN.get(data.source)
    if known is not None:
        check_declared(data, known.image_shape, known.classes, data.source)
        return known
    return Facts(_image_shape(data), data.class_count or _classes(data), _masks(data))


def _masks(data: Data) -> bool | None:
    path = Path(data.location)
    if data.source == "npz":
        return npz.has_masks(path) if path.is_file() else None
    return data.source == "masks"


def _image_shape(data: Data) -> tuple[int, int, int]:
    path = Path(data.location)
    match data.source:
        case "folder" | "csv" | "masks":
            return target_shape(data)
        case _ if data.image_shape is not None:
            return data.image_shape
        case "idx":
            return idx.image_shape(path)
        case _:
            return npz.image_shape(path)


def _classes(data: Data) -> int:
    path = Path(data.location)
    match data.source:
        case "folder":
            return len(folder.class_names(path))
        case "csv":
            return len(csv_list.class_names(path))
        case "idx":
            return idx.classes(path)
        case _:
            return npz.classes(path, data.ignore_label)


def target_shape(data: Data) -> tuple[int, int, int]:
    """The shape that image files are brought to.

    Raises:
        DataError: the spec gives none, or one with another number of channels than files can have.
    """
    if data.image_shape is None:
        hint = "For example image_shape: [32, 32, 3]."
        raise refuse("data.image_shape", "the size to bring the images to", "nothing", hint)
    return supported(data.image_shape)


def load(data: Data) -> Dataset:
    """Read the images, hold some out and measure the rest; equal sections give equal images.

    >>> dataset = load(Data(source="digits"))
    >>> len(dataset.training), len(dataset.validation), dataset.image_shape
    (1294, 144, (8, 8, 1))

    Raises:
        DataError: files are missing, broken or unsafe, or they are not what the section declares.
    """
    original = _read(data)
    _check(data, original)
    training, validation = hold_out(
        original.training, data.validation_fraction, data.split_seed, original.class_names
    )
    if data.training_examples is not None:
        training = subset(training, data.training_examples, data.split_seed)
    for part in (training, validation, original.test):
        _check_counted(part, data)
    measured = scaling(training, data.normalize, original.largest_pixel)
    return Dataset(training, validation, original.test, original.class_names, measured)


def _read(data: Data) -> Original:
    path = Path(data.location)
    match data.source:
        case "digits":
            return digits.read()
        case "scenes":
            return scenes.read()
        case "cifar10" | "cifar100":
            return cifar.read(data.source, path, verify=data.verify)
        case "svhn":
            return svhn.read(path)
        case "idx":
            return idx.read(path)
        case "npz":
            original = npz.read(path, data.class_count, data.ignore_label)
            return original if data.class_names is None else _named(original, data.class_names)
        case "folder":
            return folder.read(path, target_shape(data), data.resize)
        case "csv":
            return csv_list.read(path, target_shape(data), data.resize)
        case "masks":
            names = data.class_names or tuple(map(str, range(data.classes or 0)))
            return masks.read(path, target_shape(data), data.resize, names, data.ignore_label)


def _named(original: Original, names: tuple[str, ...]) -> Original:
    """The classes by the names that the spec gives them.

    Raises:
        DataError: there are more or fewer classes.
    """
    if len(names) != len(original.class_names):
        expected = f"{len(original.class_names)} names, one for each class of the labels"
        raise refuse("data.class_names", expected, str(len(names)))
    return replace(original, class_names=names)


def _check_counted(part: Split | None, data: Data) -> None:
    """Refuse masks without any pixel that counts: nothing could be learned or said of them."""
    if part is not None and not (part.labels >= 0).any():
        found = f"ignore_label {data.ignore_label} alone"
        raise refuse(data.location, "pixels that count in training, validation and test", found)


def _check(data: Data, original: Original) -> None:
    _, height, width, channels = original.training.images.shape
    where = Path(data.location) if data.location else data.source
    check_declared(data, (height, width, channels), len(original.class_names), where)
