"""From the ``data`` section to images that are split and ready to be batched.

Each kind of source has one module, which ``SOURCES`` in the spec names. Its function ``read`` reads
everything; its function ``facts`` tells the images' shape and the classes from the spec or from files'
headers, where ``SOURCES`` does not. The facts take milliseconds, for which this module imports no NumPy.
"""

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from dnsearch import environment
from dnsearch.errors import DataError, Problem
from dnsearch.spec.data_section import SOURCES, Data, Facts, Source

if TYPE_CHECKING:
    from dnsearch.data.dataset import Dataset, Original


def facts(data: Data) -> Facts:
    """The facts, from what is known, else from the spec, else from the files' headers.

    What the spec declares is believed here and compared with the files when they are loaded.

    >>> facts(Data(source="cifar10"))
    Facts(image_shape=(32, 32, 3), classes=10, masks=False)

    Raises:
        DataError: the spec contradicts what is known, or a file that is needed is missing or broken.
    """
    found: Facts = SOURCES[data.source].facts or _module(data.source).facts(data)
    check_declared(data, found.image_shape, found.classes, data.source)
    return found


def load(data: Data) -> "Dataset":
    """Read the images, hold some out and measure the rest; equal sections give equal images.

    >>> dataset = load(Data(source="digits"))
    >>> len(dataset.training), len(dataset.validation), dataset.image_shape
    (1294, 144, (8, 8, 1))

    Raises:
        DataError: files are missing, broken or unsafe, the images are not what the section declares, or they
            are too few.
    """
    from dnsearch.data.data_checks import refuse
    from dnsearch.data.dataset import Dataset
    from dnsearch.data.split import hold_out, scaling, subset

    original: Original = _module(data.source).read(data)
    training, validation, names = original.training, original.validation, original.class_names
    where = Path(data.location) if data.location else data.source
    check_declared(data, training.image_shape, len(names), where)
    if validation is None:
        training, validation = hold_out(training, data.validation_fraction, data.split_seed, names)
    if data.training_examples is not None:
        training = subset(training, data.training_examples, data.split_seed)
    for part in (training, validation, original.test):
        if part is not None and not (part.labels >= 0).any():
            found = f"ignore_label {data.ignore_label} alone"
            raise refuse(where, "pixels that count in training, validation and test", found)
    measured = scaling(training, data.normalize, original.largest_pixel)
    return Dataset(training, validation, original.test, names, measured)


def check_declared(data: Data, image_shape: tuple[int, int, int], classes: int, where: Path | str) -> None:
    """Compare what the spec says of the data with what the data is.

    Raises:
        DataError: data.image_shape or data.classes is given and wrong.
    """
    there = where.absolute() if isinstance(where, Path) else where
    if data.image_shape is not None and data.image_shape != image_shape:
        hint = f"Correct data.image_shape, or leave it out; {data.source} knows its own."
        expected, found = f"{list(image_shape)}, as in {there}", f"{list(data.image_shape)}"
        raise DataError(str(Problem("data.image_shape", expected, found, hint)))
    if data.classes is not None and data.classes != classes:
        hint = "Correct data.classes, or leave it out: it is counted then."
        raise DataError(str(Problem("data.classes", f"{classes}, as in {there}", str(data.classes), hint)))


def _module(source: Source) -> ModuleType:
    module: ModuleType = environment.imported(f"dnsearch.data.{SOURCES[source].module}")
    return module
