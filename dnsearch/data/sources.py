"""From the ``data`` section to images that are split and ready to be batched.

Each kind of source has one module with two functions. ``facts`` tells the images' shape and the classes
from what is known, from the spec or from files' headers; it takes milliseconds and imports neither
TensorFlow, scikit-learn nor SciPy. ``read`` reads everything. ``SOURCES`` in the spec names the modules.
"""

from typing import Protocol, cast

from dnsearch import environment
from dnsearch.data.data_checks import check_declared
from dnsearch.data.dataset import Dataset, Facts, Original
from dnsearch.data.split import prepared
from dnsearch.errors import Problem, SpecError
from dnsearch.spec.data_section import SOURCES, Data
from dnsearch.spec.experiment import Experiment


class Source(Protocol):
    """What a source's module has."""

    def facts(self, data: Data, /) -> Facts:
        """The facts: what the spec declares is believed, the rest is read from headers."""

    def read(self, data: Data, /) -> Original:
        """All images."""


def _source(data: Data) -> Source:
    return cast(Source, environment.imported(f"dnsearch.data.{SOURCES[data.source].module}"))


def facts(data: Data) -> Facts:
    """The facts, from what is known, else from the spec, else from the files' headers.

    What the spec declares is believed here and compared with the files when they are loaded.

    >>> facts(Data(source="cifar10"))
    Facts(image_shape=(32, 32, 3), classes=10, masks=False)

    Raises:
        DataError: the spec contradicts what is known, or a file that is needed is missing or broken.
    """
    found = _source(data).facts(data)
    check_declared(data, found.image_shape, found.classes, data.source)
    return found


def check_task(experiment: Experiment, known: Facts) -> None:
    """Check that the network answers what the data asks: one answer for an image, or one for each pixel.

    Raises:
        SpecError: a densenet gets masks, or a U-Net one label per image.
    """
    per_pixel = experiment.network.family == "unet"
    if known.masks in {None, per_pixel}:
        return
    source = experiment.data.source
    if known.masks:
        expected, hint = f"unet, since every pixel of {source} has a label", "Set network.family: unet."
    else:
        expected = f"densenet, since {source} has one label per image"
        hint = "Set network.family: densenet, or use data with masks: source scenes, masks or npz."
    raise SpecError([Problem("network.family", expected, experiment.network.family, hint)])


def load(data: Data) -> Dataset:
    """Read the images, hold some out and measure the rest; equal sections give equal images.

    >>> dataset = load(Data(source="digits"))
    >>> len(dataset.training), len(dataset.validation), dataset.image_shape
    (1294, 144, (8, 8, 1))

    Raises:
        DataError: files are missing, broken or unsafe, or they are not what the section declares.
    """
    return prepared(_source(data).read(data), data)
