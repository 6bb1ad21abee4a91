"""What is known of the images before they are read: their shape and their classes.

In ``SOURCES`` of the spec each source names its facts, if they are always the same, or its module: of image
files it has ``class_names(data)``, of others ``facts(data)``, which looks at headers. No heavy library is
imported here, and NumPy only for files of arrays.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dnsearch import environment
from dnsearch.data.data_files import file_shape, refuse
from dnsearch.spec.data_section import SOURCES, Data, Facts


def facts(data: Data) -> Facts:
    """From what is known, else from the spec (``load`` compares it with the files), else from headers.

    >>> facts(Data(source="cifar10"))
    Facts(image_shape=(32, 32, 3), classes=10, masks=False)

    Raises:
        DataError: the spec contradicts what is known, or a file that is needed is missing or broken.
    """
    kind = SOURCES[data.source]
    module = f"dnsearch.data.{kind.module}"
    with readable(data):
        if kind.facts is not None:
            found = kind.facts
        elif kind.resized:
            shape = file_shape(data.image_shape)
            classes = data.class_count or len(environment.imported(module).class_names(data))
            found = Facts(shape, classes, kind.masks)
        else:
            found = environment.imported(module).facts(data)
    check_declared(data, found.image_shape, found.classes, data.source)
    return found


def check_declared(data: Data, image_shape: tuple[int, int, int], classes: int, where: Path | str) -> None:
    """Refuse data.image_shape and data.classes where they are given and wrong."""
    there = where.absolute() if isinstance(where, Path) else where
    if data.image_shape is not None and data.image_shape != image_shape:
        expected, found = f"{list(image_shape)}, as in {there}", f"{list(data.image_shape)}"
        hint = f"Correct data.image_shape, or leave it out; {data.source} knows its own."
        raise refuse("data.image_shape", expected, found, hint)
    if data.classes is not None and data.classes != classes:
        hint = "Correct data.classes, or leave it out: it is counted then."
        raise refuse("data.classes", f"{classes}, as in {there}", str(data.classes), hint)


@contextmanager
def readable(data: Data) -> Iterator[None]:
    """Refuse what the operating system refuses in the block, such as a folder of somebody else."""
    try:
        yield
    except OSError as error:
        where, found = Path(error.filename or data.location), error.strerror or str(error)
        hint = "Change the permissions, or correct data.path."
        raise refuse(where, "a file or folder that can be read", found, hint) from error
