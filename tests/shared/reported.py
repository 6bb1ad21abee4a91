"""A study on the disk whose trials trained nothing, with names that would run where they are not escaped."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dnsearch.runs.folder import BEST, SPEC, RunFolder, write_study
from dnsearch.runs.record import Effect, EpochRecord, Metrics, RunRecord, StudyRecord
from dnsearch.spec.document import load, resolved_yaml

EVIL = "<script>document.title = 'run'</script>"
SECTIONS = (
    *("Best trials", "What next", "How the search went", "Learning curves", "Settings and scores"),
    *("Effects by value", "Score and cost", "The best network", "Data", "Environment", "How to repeat it"),
)
PRUNED = 3  # one trial in so many goes on


def study(folder: Path, make: Callable[..., RunRecord], trials: int = 12) -> Path:
    """A study of trials that were pruned after epoch 2, and some that went on to epoch 5."""
    experiment = load("speculations").experiment
    folder.mkdir(parents=True)
    (folder / SPEC).write_text(resolved_yaml(experiment))
    (folder / BEST).write_text(resolved_yaml(experiment.model_copy(update={"tune": None})))
    for number in range(trials):
        _trial(folder, make, number)
    effects = (
        Effect(4, 8, trials // 2, 0.8, 0.9, (0.82, 0.92)),
        Effect(12, 12, trials // 2, 0.87, 0.9, (0.82, 0.92)),
    )
    finished = -(-trials // PRUNED)
    record = StudyRecord(
        folder.name,
        "ended",
        trials={"finished": finished, "pruned": trials - finished},
        scored_at=2,
        scored=trials,
        importances={"network.growth_rate": 0.4},
        chances={"network.growth_rate": 0.1},
        effects={
            "network.growth_rate": effects,
            "network.pooling": (replace(effects[0], low=EVIL, high=EVIL),),
        },
    )
    write_study(folder, record)
    return folder


def _trial(folder: Path, make: Callable[..., RunRecord], number: int) -> None:
    on = number % PRUNED == 0
    state, count, best = ("finished", 5, 0.9) if on else ("pruned", 2, 0.7)
    score = best + number / 1000
    settings = {"network.growth_rate": 4 + number, "network.pooling": EVIL if number == 1 else "avg"}
    settings["training.learning_rate"] = 0.01 * 1.3**number
    record = make(
        f"trial-{number:04}", score, settings, state=state, epochs=count, study=folder.name, trial=number
    )
    run = RunFolder(folder / record.name)
    run.path.mkdir()
    run.write(replace(record, hardware={"processor": EVIL, "cores": 2}, versions={"python": "3.11"}))
    run.write_preprocessing({}, (8, 8, 1), [EVIL, "b"])
    run.resolved.write_text((folder / BEST).read_text())
    for epoch in range(1, count + 1):
        metrics = Metrics(0.5, score - 0.05 * (count - epoch), 180)
        run.append(EpochRecord(epoch, 0.1, metrics, metrics, 1.0, 100.0))
