"""What several commands do with a spec before anything is trained."""

from dataclasses import dataclass

from dnsearch.data.facts import Facts, facts
from dnsearch.errors import Problem, SpecError
from dnsearch.plan.cost import Cost, cost
from dnsearch.plan.family import plan_network
from dnsearch.plan.graph import NetworkPlan
from dnsearch.spec.document import Document


@dataclass(frozen=True)
class Planned:
    """A spec's network for its images.

    Args:
        plan: the network.
        cost: what it costs.
        facts: the images' shape and the number of classes.
    """

    plan: NetworkPlan
    cost: Cost
    facts: Facts


def planned(document: Document) -> Planned:
    """Plan and cost a spec's network, and compare it with what the spec expects.

    Raises:
        SpecError: the network does not fit the images, or its cost is not the expected one.
        DataError: the data is missing and the spec does not say what it looks like.
    """
    experiment = document.experiment
    known = facts(experiment.data)
    try:
        plan = plan_network(experiment.network, known.image_shape, known.classes)
        costs = cost(plan)
        _compare(document, costs)
    except SpecError as error:
        raise document.located(error) from None
    return Planned(plan, costs, known)


def _compare(document: Document, costs: Cost) -> None:
    expect = document.experiment.expect
    if expect is None:
        return
    counted = {"parameters": costs.trainable, "parameters_total": costs.parameters, "macs": costs.macs}
    wrong = [
        Problem(f"expect.{field}", f"what the plan has: {count:,}", found=f"{expected:,}")
        for field, count in counted.items()
        if (expected := getattr(expect, field)) is not None and expected != count
    ]
    if wrong:
        raise SpecError(wrong)
