"""From the ``data`` section to images that are split and ready to be batched.

Each kind of source has one module with two functions. ``facts`` tells the images' shape and the classes
from what is known, from the spec or from files' headers; it takes milliseconds and imports neither
TensorFlow, scikit-learn nor SciPy. ``read`` reads everything. ``SOURCES`` in the spec names the modules.
"""

from typing import Protocol, cast

from dnsearch import environment
from dnsearch.data.data_checks import check_declared
from dnsearch.data.dataset import Dataset, Original
from dnsearch.data.split import prepared
from dnsearch.spec.data_section import SOURCES, Data, Facts


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


def load(data: Data) -> Dataset:
    """Read the images, hold some out and measure the rest; equal sections give equal images.

    >>> dataset = load(Data(source="digits"))
    >>> len(dataset.training), len(dataset.validation), dataset.image_shape
    (1294, 144, (8, 8, 1))

    Raises:
        DataError: files are missing, broken or unsafe, or they are not what the section declares.
    """
    return prepared(_source(data).read(data), data)
