"""From a spec's network section to its plan: one function per family."""

from dnsearch.plan.densenet import densenet
from dnsearch.plan.graph import NetworkPlan, Shape
from dnsearch.spec.network import Network


def plan_network(network: Network, image_shape: Shape, classes: int) -> NetworkPlan:
    """The plan of any network of the grammar.

    Args:
        network: the ``network`` section of a spec.
        image_shape: ``(height, width, channels)`` of the images.
        classes: number of classes.

    Raises:
        SpecError: the network does not fit the images; problems name the field.
    """
    return densenet(network, image_shape, classes)
