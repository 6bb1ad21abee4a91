"""``plan.json``: what is decided before the first pair is trained, and shows if it is changed afterwards."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dnsearch import input_files
from dnsearch.compare.design import Design
from dnsearch.errors import Problem, RunError
from dnsearch.runs.atomic import reading

PLAN = "plan.json"


@dataclass(frozen=True)
class Plan:
    """What is decided before the first pair is trained.

    Args:
        design: the hash of the design.
        rates: arm → its learning rate; empty where all have the spec's.
        pairs: how many are trained.
        deviations: arm → the standard deviation of its differences from the baseline, in points, as the pilot
            measured it; empty without a pilot.
        detectable_gap: arm → the difference that so many pairs find with the planned power, likewise.
        tried: arm → rate, as text → the mean score with it, in points; empty where all have the spec's.
    """

    design: str
    pairs: int
    rates: Mapping[str, float] = field(default_factory=dict)
    deviations: Mapping[str, float] = field(default_factory=dict)
    detectable_gap: Mapping[str, float] = field(default_factory=dict)
    tried: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """By which a change of the file shows."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def written(design: Design, plan: Plan) -> bytes:
    """The file: the plan, and for a person what it is about."""
    compare = design.compare.model_dump(mode="json", by_alias=True, exclude={"arms", "baseline"})
    arms = {
        arm.name: {
            "values": dict(arm.values),
            "growth_rate": arm.planned.experiment.network.growth_rate,
            "parameters": arm.planned.summary.cost.trainable,
            "macs": arm.planned.summary.cost.macs,
        }
        for arm in design.arms
    }
    test = f"Student's paired t at 5 %, Šidák over {len(design.contrasts)}; equivalent by the 90 % interval"
    about = {"test": test, "baseline": design.arms[0].name, "arms": arms, "compare": compare}
    content = {"plan": asdict(plan), "hash": plan.hash, **about}
    return json.dumps(content, indent=2).encode() + b"\n"


def frozen_plan(folder: Path, design: Design) -> Plan | None:
    """The plan that is frozen in a folder, None: none yet; a RunError if it is another comparison's."""
    path = folder / PLAN
    if not path.exists():
        return None
    hint = "What was compared has changed, so it is another comparison: --name NAME"
    try:
        with reading(path):
            content = input_files.json_value(path)
        plan = Plan(**content["plan"])
        if plan.hash != content["hash"]:
            raise ValueError("a plan that was changed after it was frozen")
    except (ValueError, LookupError, TypeError) as error:
        raise RunError(str(Problem(str(path), "the plan as it was frozen", str(error), hint))) from None
    if plan.design != design.hash:
        expected = f"the plan of this comparison, with design {design.hash}"
        raise RunError(str(Problem(str(path), expected, plan.design, hint)))
    return plan
