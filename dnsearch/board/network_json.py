"""A network's totals and parts for programs."""

from typing import Any

from dnsearch.plan.cost import Cost
from dnsearch.plan.graph import NetworkPlan
from dnsearch.plan.summary import Summary, parts


def network_json(name: str, plan: NetworkPlan, summary: Summary) -> dict[str, Any]:
    """Everything that ``inspect`` shows, ready for ``json.dumps``."""
    return {
        "name": name,
        **_counts(summary.cost),
        "edges": summary.edges,
        "layers": summary.layers,
        "receptive_field": summary.receptive_field,
        "output_stride": summary.output_stride,
        "weights_bytes": summary.weights_bytes,
        "optimizer_bytes": summary.optimizer_bytes,
        "inference_peak_bytes": summary.inference_peak_bytes,
        "training_memory_bytes": {
            "plain": summary.training_memory_bytes,
            "saving": summary.saving_memory_bytes,
        },
        "parts": [
            {
                "name": part.name,
                "shape": list(part.shape),
                "layers": part.layers,
                "edges": part.edges,
                "kept_elements": part.kept,
                **_counts(part.cost),
            }
            for part in parts(plan)
        ],
        "links": [{"from": link.source, "to": link.target, "kind": link.kind} for link in plan.links],
    }


def _counts(cost: Cost) -> dict[str, Any]:
    return {
        "parameters": {"trainable": cost.trainable, "other": cost.other, "total": cost.parameters},
        "macs": cost.macs,
        "output_elements": cost.output_elements,
    }
