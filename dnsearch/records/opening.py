"""The record of a run before its first epoch."""

from datetime import UTC, datetime

from dnsearch.records.record import Origin, Parameters, RunRecord
from dnsearch.spec.document import fingerprint, settings
from dnsearch.spec.experiment import Experiment


def opening(
    name: str, experiment: Experiment, parameters: Parameters | None, macs: int | None, origin: Origin | None
) -> RunRecord:
    """A run that starts now.

    Args:
        name: name of the run folder.
        experiment: the spec.
        parameters: numbers of parameters of its network; None where it cannot be built.
        macs: multiply-adds of its network for one image, likewise.
        origin: the trial that the run is, if it belongs to a study.
    """
    return RunRecord(
        name=name,
        experiment=experiment.name,
        state="running",
        fingerprint=fingerprint(experiment),
        seed=experiment.training.seed,
        settings=settings(experiment),
        parameters=parameters,
        macs=macs,
        epochs_planned=experiment.training.epochs,
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        study=origin.study if origin else None,
        trial=origin.trial if origin else None,
        confirmation=origin is not None and origin.confirmation,
    )
