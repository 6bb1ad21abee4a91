"""From the ``data`` section to images that are parted and ready to be batched."""

from pathlib import Path

from dnsearch.data import cifar, digits, folder, idx, listing, npz, svhn
from dnsearch.data.checks import check_declared
from dnsearch.data.facts import target_shape
from dnsearch.data.images import Dataset, Original
from dnsearch.data.split import hold_out, scaling, subset
from dnsearch.spec.data import Data


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
    measured = scaling(training, data.normalize, original.largest_pixel)
    return Dataset(training, validation, original.test, original.class_names, measured)


def _read(data: Data) -> Original:
    path = Path(data.location)
    match data.source:
        case "digits":
            return digits.read()
        case "cifar10" | "cifar100":
            return cifar.read(data.source, path, verify=data.verify)
        case "svhn":
            return svhn.read(path)
        case "idx":
            return idx.read(path)
        case "npz":
            return npz.read(path)
        case "folder":
            return folder.read(path, target_shape(data), data.resize)
        case "csv":
            return listing.read(path, target_shape(data), data.resize)


def _check(data: Data, original: Original) -> None:
    _, height, width, channels = original.training.images.shape
    where = Path(data.location) if data.location else data.source
    check_declared(data, (height, width, channels), len(original.class_names), where)
