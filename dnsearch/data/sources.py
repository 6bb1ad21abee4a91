"""From the ``data`` section to images that are split and ready to be batched.

Each kind of source has a module, named in ``SOURCES`` of the spec, with a function ``read(data)``: it gives
an ``Original`` or, of image files, a ``Listing``.
"""

from pathlib import Path

import numpy as np

from dnsearch.data.data_files import Labelled, Listing, refuse
from dnsearch.data.dataset import Dataset, Original, Split, of_files
from dnsearch.data.facts import check_declared, module, readable
from dnsearch.data.image_files import files_of
from dnsearch.data.split import hold_out, scaling, subset
from dnsearch.spec.data_section import Data


def load(data: Data) -> Dataset:
    """Read the images, hold some out and measure the rest; equal sections give equal images.

    >>> dataset = load(Data(source="digits"))
    >>> len(dataset.training), len(dataset.validation), dataset.image_shape
    (1294, 144, (8, 8, 1))

    Raises:
        DataError: files are missing, broken or unsafe, the images are not what the section declares, or they
            are too few.
    """
    with readable(data):
        original = read(data)
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


def read(data: Data) -> Original:
    """All images of a source, as it was published."""
    found: Original | Listing = module(data.source).read(data)
    match found:
        case Original():
            return found
        case Listing(training, test, names):
            return of_files(_split(training, data), _split(test, data) if test else None, names)


def _split(files: Labelled, data: Data) -> Split:
    labels = np.array([label for _, label in files], np.int32)
    return Split(files_of((path for path, _ in files), data), labels)
