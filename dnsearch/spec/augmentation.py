"""The ``training.augmentation`` section: how training images are varied, each kind by its strength.

A strength of 0 leaves a kind out, so a search can range from "none" upwards. Validation and test images
are never varied.
"""

from typing import Annotated, Literal

from pydantic import Field

from dnsearch.spec.section import Section, Share


class Erasing(Section):
    """Random erasing (Zhong et al., 2017, arXiv 1708.04896): a rectangle of any shape becomes blank."""

    probability: Share = Field(0.5, description="Share of the images that lose a rectangle. The paper: 0.5.")
    strength: Annotated[float, Field(ge=0.02, le=1)] = 0.4
    """The largest rectangle, as a share of the image; the smallest is 0.02. The paper: 0.4."""


class RandAugment(Section):
    """RandAugment (Cubuk et al., 2019, arXiv 1909.13719): operations drawn for each image, one after another.

    Drawn are autocontrast, equalize, posterize, solarize, color, contrast, brightness, sharpness, rotate,
    shear and translate in both directions, or nothing.
    """

    operations: int = Field(2, ge=1, le=8, description="Operations per image. The paper: 1 to 3, CIFAR-10 3.")
    magnitude: Annotated[float, Field(ge=0, le=10)] = 5.0
    """How strong each is; 10 is AutoAugment's strongest. The paper: 4 to 9."""


class Augmentation(Section):
    """Variations of the training images, drawn anew for every image in every epoch."""

    flip: Literal["horizontal", "vertical", "both"] | None = None
    """Mirror half of the images. The paper on C10+: horizontal. Not for digits and letters."""
    crop: Annotated[int, Field(ge=0, le=1024)] = 0
    """Pad by so many pixels on each side and cut the image's size out at random. The paper on C10+: 4."""
    translate: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Move by at most this share of the height and of the width."""
    cutout: Annotated[int, Field(ge=0, le=4096)] = 0
    """Blank a square with sides of so many pixels (DeVries and Taylor, 2017: 16 for CIFAR-10, 8 for
    CIFAR-100)."""
    erasing: Erasing | None = Field(None, description="Random erasing. null: none.")
    mixup: Annotated[float, Field(ge=0, le=10)] = 0.0
    """alpha. Blend pairs of images and their labels, with a share from Beta(alpha, alpha) (Zhang et al.,
    2017: 1 for CIFAR, 0.2 for ImageNet). Not for U-Nets."""
    cutmix: Annotated[float, Field(ge=0, le=10)] = 0.0
    """alpha. Paste a rectangle of another image and its share of the label, from Beta(alpha, alpha) (Yun et
    al., 2019: 1)."""
    rand_augment: RandAugment | None = None
    """RandAugment, for grey and RGB images."""

    @property
    def mixes_labels(self) -> bool:
        """Whether a label per image is a share of several classes.

        >>> Augmentation(crop=4).mixes_labels, Augmentation(mixup=0.2).mixes_labels
        (False, True)
        """
        return self.mixup > 0 or self.cutmix > 0

    def shrunk(self, share: float) -> "Augmentation":
        """The same for images of so much shorter sides: what is told in pixels, rounded down.

        >>> Augmentation(flip="horizontal", crop=4, cutout=9).shrunk(0.5).kinds
        ('flip horizontal', 'crop 2', 'cutout 4')
        """
        return self.model_copy(update={"crop": int(self.crop * share), "cutout": int(self.cutout * share)})

    @property
    def kinds(self) -> tuple[str, ...]:
        """Those that are on, with their strengths, as one would write them.

        >>> Augmentation(flip="horizontal", crop=4).kinds
        ('flip horizontal', 'crop 4')
        """
        told = self.model_dump(exclude_none=True)
        return tuple(f"{kind} {_told(strength)}" for kind, strength in told.items() if strength)


def _told(strength: object) -> str:
    match strength:
        case dict():
            return " and ".join(f"{name} {_told(value)}" for name, value in strength.items())
        case float():
            return f"{strength:g}"
        case _:
            return str(strength)
