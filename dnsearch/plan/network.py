"""From a spec's network section to its plan: one function per family."""

from typing import assert_never

from dnsearch.plan.densenet import densenet
from dnsearch.plan.graph import NetworkPlan, Shape
from dnsearch.plan.unet import unet
from dnsearch.spec.network import DenseNet, Network, UNet


def plan_network(network: Network, image_shape: Shape, classes: int) -> NetworkPlan:
    """The plan of any network of the grammar.

    Args:
        network: the ``network`` section of a spec.
        image_shape: ``(height, width, channels)`` of the images.
        classes: number of classes, of an image or, for a U-Net, of a pixel.

    Raises:
        SpecError: the network does not fit the images; problems name the field.
    """
    match network:
        case DenseNet():
            return densenet(network, image_shape, classes)
        case UNet():
            return unet(network, image_shape, classes)
        case _:
            assert_never(network)
