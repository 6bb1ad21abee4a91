"""The ``network`` section: one class per family."""

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from dnsearch.spec.network.families import DenseNet, UNet


def _family(value: Any) -> str:  # noqa: ANN401  (whatever the YAML holds)
    match value:
        case UNet() | {"family": "unet"}:
            return "#unet"
        case _:
            return "#densenet"


Network = Annotated[
    Annotated[DenseNet, Tag("#densenet")] | Annotated[UNet, Tag("#unet")], Discriminator(_family)
]


def example(**changes: Any) -> DenseNet:  # noqa: ANN401  (any field of the section)
    """A small network to try things with; ``changes`` are fields of the section.

    >>> example(growth_rate=4).growth_rate
    4
    """
    return DenseNet.model_validate({"growth_rate": 12, "layers_per_block": (2, 2, 2), **changes})
