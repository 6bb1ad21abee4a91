"""What has to be known of the images before a network can be planned, without loading them.

Planning and counting must not take seconds, so nothing here imports TensorFlow or scikit-learn, and
headers are read instead of images.
"""

from dataclasses import dataclass
from pathlib import Path

from dnsearch.data import folder, idx, listing, npz
from dnsearch.data.checks import check_declared, refuse
from dnsearch.data.pictures import supported
from dnsearch.spec.data import Data


@dataclass(frozen=True, slots=True)
class Facts:
    """The two facts.

    Args:
        image_shape: (height, width, channels).
        classes: number of classes.
    """

    image_shape: tuple[int, int, int]
    classes: int


KNOWN = {
    "digits": Facts((8, 8, 1), 10),
    "cifar10": Facts((32, 32, 3), 10),
    "cifar100": Facts((32, 32, 3), 100),
    "svhn": Facts((32, 32, 3), 10),
}


def facts(data: Data) -> Facts:
    """The facts, from what is known, else from the spec, else from the files' headers.

    What the spec declares is believed here and compared with the files when they are loaded.

    >>> facts(Data(source="cifar10"))
    Facts(image_shape=(32, 32, 3), classes=10)

    Raises:
        DataError: the spec contradicts what is known, or a file that is needed is missing or broken.
    """
    known = KNOWN.get(data.source)
    if known is not None:
        check_declared(data, known.image_shape, known.classes, data.source)
        return known
    return Facts(_image_shape(data), data.classes or _classes(data))


def _image_shape(data: Data) -> tuple[int, int, int]:
    path = Path(data.location)
    match data.source:
        case "folder" | "csv":
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
            return len(listing.class_names(path))
        case "idx":
            return idx.classes(path)
        case _:
            return npz.classes(path)


def target_shape(data: Data) -> tuple[int, int, int]:
    """The shape that image files are brought to.

    Raises:
        DataError: the spec gives none, or one with another number of channels than files can have.
    """
    if data.image_shape is None:
        hint = "For example image_shape: [32, 32, 3]."
        raise refuse("data.image_shape", "the size to bring the images to", "nothing", hint)
    return supported(data.image_shape)
