"""Whether a proposal may be tried at all: its relations, its spec, what its network costs.

Nothing here trains or knows Optuna. What is refused here costs no trial; how far it was beyond each bound is
what a sampler can learn the border from.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from dnsearch.errors import Problem, SpecError, StudyError
from dnsearch.plan.graph import Shape
from dnsearch.plan.limits import Planned, planned
from dnsearch.plan.memory import Summary
from dnsearch.spec.data_section import Facts
from dnsearch.spec.document import Document
from dnsearch.spec.tune import Relation, Tune
from dnsearch.spec.tune.search_space import excess

MAX_IN_A_ROW = 1000
"""Infeasible proposals after which a search gives up: by the rule of three, less than 0.3 % of
what is proposed is feasible then, at 95 % confidence."""
SPEC = "spec"
"""What refuses values that do not fit together, or a network that does not fit its images or limits."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of a proposal before it is trained.

    Args:
        margins: constraint or relation → the share of its bound that it is beyond; at most 0 is feasible.
        reasons: of those that refuse it: why, in words. Empty: it may be tried.
        planned: its spec and network, where they were worked out.
    """

    margins: Mapping[str, float]
    reasons: Mapping[str, str] = field(default_factory=dict)
    planned: Planned | None = None


@dataclass(frozen=True)
class SearchSpec:
    """What a study is about, and so what its proposals are judged by."""

    document: Document  # the base spec
    tune: Tune
    image_shape: Shape  # (height, width, channels)
    classes: int
    limits: bool = True  # whether the spec's hold

    def judge(self, values: Mapping[str, Any], origin: str) -> Judgement:
        """Judge a proposal, the cheapest questions first; problems name its ``origin``, such as ``trial 3``.

        ``values``: dotted path → value, which override the base spec's; empty for the base spec itself.
        """
        margins = {name: excess(relation, values, self._base) for name, relation in self._relations.items()}
        if broken := {name: "the proposed values break it" for name, share in margins.items() if share > 0}:
            return Judgement(margins, broken)
        try:
            document = self.document.with_values(values, origin) if values else self.document
            found = planned(document, facts(self.image_shape, self.classes), limits=self.limits)
        except SpecError as error:
            return Judgement({**margins, SPEC: 1.0}, {SPEC: str(error)})
        costs, bounds = costs_of(found.summary), self.tune.constraints.bounds()
        beyond = {name: (costs[name] - bound) / bound for name, bound in bounds.items()}
        over = {name: bound for name, bound in bounds.items() if costs[name] > bound}
        reasons = {name: f"{costs[name]:,}, at most {bound:,}" for name, bound in over.items()}
        return Judgement({**margins, **beyond}, reasons, found)

    def names(self) -> tuple[str, ...]:
        """The relations and constraints that can refuse something, in the order of the spec."""
        return (*self._relations, *self.tune.constraints.bounds())

    @cached_property
    def _relations(self) -> dict[str, Relation]:
        return {str(each): each for each in self.tune.relations if each.equal is None}

    @cached_property
    def _base(self) -> dict[str, Any]:
        return self.document.experiment.model_dump(mode="json", include={"network", "training"})


def facts(image_shape: Shape, classes: int) -> Facts:
    """What a search's images are like; that they suit the base spec's family was checked before."""
    height, width, channels = image_shape
    return Facts((height, width, channels), classes, masks=None)


def hopeless(study: str, refused: Sequence[Mapping[str, str]]) -> StudyError:
    """The error for a row of infeasible proposals: what refused how many, and what to change."""
    counts = Counter(name for reasons in refused for name in reasons)
    ((worst, _),) = counts.most_common(1)
    last = next(reasons[worst] for reasons in reversed(refused) if worst in reasons)
    counted = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
    expected = f"a feasible proposal among the last {len(refused):,}; they were refused by: {counted}"
    narrow = f"Loosen {worst} or narrow the parameters (the last reason: {last.splitlines()[-1].strip()})"
    hint = f"{narrow}; dnsearch space SPEC shows which share of the space is feasible."
    return StudyError(str(Problem(f"study {study}", expected, hint=hint)))


def costs_of(summary: Summary) -> dict[str, int]:
    """What constraints speak of."""
    return {
        "parameters": summary.cost.trainable,
        "macs": summary.cost.macs,
        "training_memory_bytes": summary.training_memory_bytes,
        "inference_peak_bytes": summary.inference_peak_bytes,
    }
