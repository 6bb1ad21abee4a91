"""The ``data`` section: where the images come from and how they are split.

``SOURCES`` is the table of kinds. A new one is a line here, a name in ``Source`` and a module of
``dnsearch.data``; ``data/facts.py`` and ``data/sources.py`` say which functions it has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from dnsearch.errors import Problem
from dnsearch.spec.section import Fraction, Section, Seed, Side

Source = Literal["digits", "scenes", "cifar10", "cifar100", "svhn", "idx", "npz", "folder", "csv", "masks"]
Resize = Literal["stretch", "crop", "pad"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a network has to fit: images of (height, width, channels), and how many classes.

    ``masks`` says whether every pixel has a label; None where the files are not there to tell.
    """

    image_shape: tuple[int, int, int]
    classes: int
    masks: bool | None = False


@dataclass(frozen=True, slots=True)
class Kind:
    """What the section has to know of a kind of source.

    Args:
        module: its module in ``dnsearch.data``.
        about: what it reads.
        path: whether ``path`` is required, refused (the data comes with scikit-learn) or has a default.
        resized: whether image files are brought to ``image_shape``, which is then required.
        masks: whether it can have masks.
        verified: whether there is a published MD5.
        largest_pixel: image files given to ``predict`` are scaled from 0-255 to 0 to this value.
        facts: what its images are like, where that is always the same; its module finds the others out.
    """

    module: str
    about: str
    path: Literal["required", "refused", "default"] = "required"
    resized: bool = False
    masks: bool = False
    verified: bool = False
    largest_pixel: int = 255
    facts: Facts | None = None


CIFAR = "the binary or Python archive"
SOURCES: dict[Source, Kind] = {
    "digits": Kind(
        "digits",
        "scikit-learn's 1,797 handwritten digits, nothing to download",
        path="refused",
        largest_pixel=16,
        facts=Facts((8, 8, 1), 10),
    ),
    "scenes": Kind(
        "digits",
        "such digits scattered on grey canvases with a mask each, for U-Nets",
        path="refused",
        facts=Facts((32, 32, 1), 11, masks=True),
    ),
    "cifar10": Kind("cifar", CIFAR, path="default", verified=True, facts=Facts((32, 32, 3), 10)),
    "cifar100": Kind("cifar", CIFAR, path="default", verified=True, facts=Facts((32, 32, 3), 100)),
    "svhn": Kind("svhn", "the cropped digits' .mat files", facts=Facts((32, 32, 3), 10)),
    "idx": Kind("idx", "MNIST and Fashion-MNIST files"),
    "npz": Kind(
        "npz",
        "arrays x_train, y_train and optionally x_validation, y_validation, x_test, y_test, whose labels may "
        "be masks",
        masks=True,
    ),
    "folder": Kind("class_folder", "one sub-folder of PNG or JPEG images per class", resized=True),
    "csv": Kind("csv_list", "a table of such images and their labels", resized=True),
    "masks": Kind(
        "masks",
        "the folders images and masks, one PNG of class numbers for each image",
        resized=True,
        masks=True,
    ),
}


class Data(Section):
    """Images with one label each or, for U-Nets, a mask of labels each."""

    source: Source = Field(
        description="; ".join(f"{name}: {kind.about}" for name, kind in SOURCES.items()) + "."
    )
    path: str | None = Field(None, min_length=1)
    """The folder or file to read, relative to where dnsearch is started. The CIFARs: data/ if left out."""
    verify: bool = True
    """Require the official MD5 of a CIFAR archive; false: any archive of that layout."""
    image_shape: tuple[Side, Side, Annotated[int, Field(ge=1, le=64)]] | None = None
    """[height, width, channels]. folder, csv and masks need it: images are brought to it. Other sources
    refuse a different one."""
    resize: Resize = "stretch"
    """How image files are brought to height and width. stretch: each side by itself; crop: the largest
    centred part of these proportions; pad: the whole image between black bars, which in a mask do not
    count."""
    classes: Annotated[int, Field(ge=2, le=100_000)] | None = None
    """Number of classes. null: counted. With it inspect works without the files. masks needs it, or
    class_names."""
    class_names: tuple[Annotated[str, Field(min_length=1)], ...] | None = Field(
        None, min_length=2, max_length=100_000
    )
    """masks, npz: names of the classes, in the order of their numbers."""
    ignore_label: Annotated[int, Field(ge=-1000, le=100_000)] | None = None
    """Mask pixels of this number count neither in the loss nor in any metric: 255 in Pascal VOC."""
    validation_fraction: Fraction = 0.1
    """Share of the training images held out, class by class, for choosing. The paper: 0.1."""
    training_examples: Annotated[int, Field(ge=2)] | None = None
    """Train on so many images only, class by class, besides the validation images."""
    split_seed: Seed = Field(0, description="Seed of the split; the same seed holds out the same images.")
    normalize: Literal["channel", "unit"] = "channel"
    """channel: subtract each channel's mean and divide by its standard deviation, of the training images (the
    paper); unit: divide by the largest pixel value (the article)."""

    def misfits(self) -> Iterator[Problem]:
        """What the source lacks, or does not know."""
        kind = SOURCES[self.source]
        if kind.path == "refused" and self.path is not None:
            hint = "Remove path, or choose another source."
            yield Problem("path", f"{self.source} come with scikit-learn and have no path", hint=hint)
        if kind.path == "required" and self.path is None:
            yield Problem("source", f"path is missing: where the {self.source} data lies")
        if kind.resized and self.image_shape is None:
            expected = f"image_shape is missing: the size to bring the {self.source}'s images to"
            yield Problem("source", expected, hint="For example image_shape: [32, 32, 3].")
        if not self.verify and not kind.verified:
            yield Problem("verify", f"only the CIFAR archives have a known MD5, {self.source} has none")
        if not kind.masks:
            expected = f"only masks and npz have numbers that need it; {self.source} does not"
            named = {"class_names": self.class_names, "ignore_label": self.ignore_label}
            yield from (Problem(field, expected) for field, value in named.items() if value is not None)
        elif self.class_names is not None:
            yield from self._misnamed_classes(self.class_names)
        elif self.source == "masks" and self.classes is None:
            hint = "For example class_names: [background, cell], or classes: 2."
            yield Problem("source", "class_names or classes is missing: what the masks show", hint=hint)

    def _misnamed_classes(self, names: Sequence[str]) -> Iterator[Problem]:
        if self.classes not in {None, len(names)}:
            expected = f"classes: {len(names)}, as many as class_names has"
            yield Problem("classes", expected, str(self.classes), "Remove one of the two.")
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            yield Problem("class_names", "every name once", found=f"{twice} again")

    @property
    def class_count(self) -> int | None:
        """The number of classes, where the section gives it."""
        return self.classes if self.class_names is None else len(self.class_names)

    @property
    def location(self) -> str:
        """The path to read from, ``~`` and the CIFARs' default filled in; empty for the digits."""
        path = self.path or ("data" if SOURCES[self.source].path == "default" else "")
        return str(Path(path).expanduser()) if path.startswith("~/") else path
