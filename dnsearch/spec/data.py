"""The ``data`` section: where the images come from and how they are split."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from dnsearch.errors import Problem
from dnsearch.spec.section import Section, refuse

CIFARS = ("cifar10", "cifar100")
CIFAR_FOLDER = "data"

Resize = Literal["stretch", "crop", "pad"]


class Data(Section):
    """Images with one label each."""

    source: Literal["digits", "cifar10", "cifar100", "svhn", "idx", "npz", "folder", "csv"] = Field(
        description="digits: scikit-learn's 1,797 handwritten digits, nothing to download; cifar10, "
        "cifar100: the binary or Python archives; svhn: the cropped digits' .mat files; idx: MNIST and "
        "Fashion-MNIST files; npz: arrays x_train, y_train and optionally x_test, y_test; folder: one "
        "sub-folder of PNG or JPEG images per class; csv: a table of such images and their labels.",
    )
    path: str | None = Field(
        None,
        min_length=1,
        description="The folder (npz, csv: the file; the CIFARs: the archive, unpacked or not) to read, "
        "relative to where dnsearch is started. Left out: the CIFARs are looked for in data/.",
    )
    verify: bool = Field(
        True,
        description="Whether a CIFAR archive must have the MD5 that its official page gives; false reads any "
        "archive of the same layout.",
    )
    image_shape: (
        tuple[
            Annotated[int, Field(ge=1, le=4096)],
            Annotated[int, Field(ge=1, le=4096)],
            Annotated[int, Field(ge=1, le=64)],
        ]
        | None
    ) = Field(
        None,
        description="[height, width, channels]. folder, csv: images are brought to it, and it is needed; "
        "other sources know their own and refuse a different one.",
    )
    resize: Resize = Field(
        "stretch",
        description="How image files, those of folder and csv and those given to predict, are brought to "
        "height and width. stretch: each side by itself; crop: the largest centred piece of the wanted "
        "proportions; pad: the whole image between black bars.",
    )
    classes: int | None = Field(
        None,
        ge=2,
        le=100_000,
        description="Number of classes. Left out: counted in the data. Given: checked against it, and "
        "inspect works where the files are not.",
    )
    validation_fraction: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Share of the training images held out, class by class, for choosing. The paper: 0.1 "
        "(5,000 of CIFAR's 50,000).",
    )
    training_examples: int | None = Field(
        None,
        ge=2,
        description="Train on so many images only, class by class, after the validation images are held out.",
    )
    split_seed: int = Field(
        0, ge=0, lt=2**32, description="Seed of the split; the same seed holds out the same images."
    )
    normalize: Literal["channel", "unit"] = Field(
        "channel",
        description="channel: subtract each channel's mean and divide by its standard deviation, both of the "
        "training images alone (the paper); unit: divide by the largest pixel value (the article).",
    )

    @model_validator(mode="after")
    def _source_has_what_it_needs(self) -> Self:
        problems = []
        if self.source == "digits" and self.path is not None:
            problems.append(
                Problem(
                    "path",
                    "digits come with scikit-learn and have no path",
                    hint="Remove path, or choose another source.",
                )
            )
        if self.source in {"svhn", "idx", "npz", "folder", "csv"} and self.path is None:
            problems.append(Problem("source", f"path is missing: where the {self.source} data lies"))
        if self.source in {"folder", "csv"} and self.image_shape is None:
            problems.append(
                Problem(
                    "source",
                    f"image_shape is missing: the size to bring the {self.source}'s images to",
                    hint="For example image_shape: [32, 32, 3].",
                )
            )
        if not self.verify and self.source not in CIFARS:
            problems.append(
                Problem("verify", f"only the CIFAR archives have a known MD5, {self.source} has none")
            )
        if problems:
            raise refuse(*problems)
        return self

    @property
    def location(self) -> str:
        """The path to read from, with the CIFARs' default filled in; empty for the digits."""
        return self.path or (CIFAR_FOLDER if self.source in CIFARS else "")
