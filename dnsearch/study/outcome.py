"""How a trial ends without a child's own word, and the best trial's YAML."""

from dataclasses import replace
from pathlib import Path

from dnsearch.records.atomic import atomic_write
from dnsearch.records.record import RunRecord
from dnsearch.spec.document import resolved_yaml
from dnsearch.study.proposal import Proposal, known


def failed(proposal: Proposal, reason: str) -> RunRecord:
    """The record of a trial that could not end by itself, with the epochs that it did."""
    return replace(known(proposal.folder, proposal.record), state="failed", reason=reason)


def same_as(proposal: Proposal, twin: RunRecord) -> RunRecord:
    """The record of a trial whose settings another trial had: that one's outcome, without its time."""
    return replace(
        twin,
        name=proposal.folder.name,
        trial=proposal.origin.trial,
        reason=f"same settings as {twin.name}; not trained again",
        wall_seconds=0.0,
    )


def write_best(proposal: Proposal, record: RunRecord, path: Path) -> None:
    """Write the spec of a trial, with where it comes from; ``dnsearch train`` takes it as it is."""
    accuracy = f"{100 * record.last.accuracy:.2f} %" if record.last else "unknown"
    experiment = proposal.document.experiment
    heading = f"""\
# The best network of study {record.study}.
#
# Found:    {record.name}, {record.epochs} epochs, validation accuracy {accuracy} at the last epoch
# Settings: fingerprint {record.fingerprint}; the trial's folder lies beside this file
# Run:      dnsearch train {path}
"""
    best = experiment.model_copy(update={"name": f"{experiment.name}-best", "tune": None})
    expect = (
        f"expect:\n  parameters: {proposal.record.parameters.trainable}\n"
        if proposal.record.parameters
        else ""
    )
    atomic_write(path, (heading + resolved_yaml(best) + expect).encode())
