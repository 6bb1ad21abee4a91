"""From the ``data`` section to images that are split and ready to be batched.

Each source's module, named in ``SOURCES`` of the spec, has a function ``read(data)``, which gives an
``Original`` or, of image files, a ``Listing``; for missing, broken and unsafe files it raises a DataError.
"""

from pathlib import Path

import numpy as np

from dnsearch import environment
from dnsearch.data.data_files import Listing, refuse
from dnsearch.data.dataset import Dataset, Original, Split, of_files
from dnsearch.data.facts import check_declared, readable
from dnsearch.data.image_files import files_of
from dnsearch.data.split import hold_out, scaling, subset
from dnsearch.spec.data_section import SOURCES, Data


def load(data: Data) -> Dataset:
    """Read the images, hold some out and measure the rest; equal sections give equal images.

    >>> dataset = load(Data(source="digits"))
    >>> len(dataset.training), len(dataset.validation), dataset.image_shape
    (1294, 144, (8, 8, 1))

    Raises:
        DataError: files cannot be read, or the images are not what the section declares, or too few.
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
    reader = environment.imported(f"dnsearch.data.{SOURCES[data.source].module}")
    found: Original | Listing = reader.read(data)
    if isinstance(found, Original):
        return found
    training, test = (
        Split(files_of((path for path, _ in files), data), np.array([label for _, label in files], np.int32))
        for files in (found.training, found.test)
    )
    return of_files(training, test if found.test else None, found.class_names)
