"""What is measured: each job calls one function of one side, in a process of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
BATCH = 64
SIZE = f"training.batch_size={BATCH}"
SGD, ADAMW = ["training.optimizer=sgd", SIZE], ["training.optimizer=adamw", SIZE]
VARIED = "training.augmentation={flip: horizontal, crop: 4}"
DIGITS = ["network.layers_per_block=[3, 3, 3]", "training.augmentation={flip: horizontal, crop: 1}", SIZE]


@dataclass(frozen=True, slots=True)
class Job:
    """One thing to measure.

    Args:
        name: what results and comparisons call it.
        side: the module: ``ours``, ``stock_keras``, ``plain_torch`` or ``commands``.
        function: the function in it.
        arguments: what it is called with.
        rounds: how often; all other jobs lie in between.
        environment: variables that are set for it.
    """

    name: str
    side: str
    function: str
    arguments: Mapping[str, object]
    rounds: int = 3  # the first one reads its libraries from the disk
    environment: Mapping[str, str] = field(default_factory=dict)


def jobs(quick: bool = False) -> tuple[Job, ...]:
    """All jobs in the order of a round. Quick: once, with few steps, to see that they work."""
    found = (*_trainings(3 if quick else 10), *_memory(3 if quick else 6), *_others(1 if quick else 3))
    found += _commands(1 if quick else 11)
    return tuple(replace(job, rounds=1) for job in found) if quick else found


def _trainings(steps: int) -> tuple[Job, ...]:
    """The article's network trained by every side; with AdamW only the start differs."""
    sgd = {"update": "sgd", "batch_size": BATCH, "steps": steps}
    adamw = {"update": "adamw", "batch_size": BATCH, "steps": 2}
    return (
        Job("dnsearch, SGD", "ours", "training", {"spec": "article", "overrides": SGD, "steps": steps}),
        Job("Keras, SGD", "stock_keras", "training", sgd),
        Job("PyTorch, SGD", "plain_torch", "training", sgd),
        Job("PyTorch, checkpointed", "plain_torch", "training", {**sgd, "checkpointed": True}),
        Job("dnsearch, AdamW", "ours", "training", {"spec": "article", "overrides": ADAMW, "steps": 2}),
        Job("Keras, AdamW", "stock_keras", "training", adamw),
        Job("PyTorch, AdamW", "plain_torch", "training", adamw),
        Job("Keras, no oneDNN", "stock_keras", "training", sgd, 1, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    )


def _memory(steps: int) -> tuple[Job, ...]:
    """DenseNet-BC-100-12, plain and recompute."""
    return tuple(
        Job(
            f"{'recompute' if recompute else 'plain'}, 16 layers",
            "ours",
            "training",
            {"spec": "densenet-bc-100-12", "overrides": [SIZE], "steps": steps, "recompute": recompute},
        )
        for recompute in (False, True)
    )


def _others(times: int) -> tuple[Job, ...]:
    article = {"spec": "article", "overrides": [*SGD, VARIED], "examples": 6 * BATCH, "epochs": times}
    digits = {"spec": "starter", "overrides": DIGITS, "examples": 20 * BATCH, "epochs": 3 * times}
    passes = {"batches": 6, "passes": times}
    bc100 = {"spec": "densenet-bc-100-12", "overrides": [SIZE], "saves": 5}
    return (
        Job("feeding, article", "ours", "feeding", article),
        Job("feeding, digits", "ours", "feeding", digits),
        Job("dnsearch, evaluate", "ours", "inference", {"spec": "article", "overrides": [SIZE], **passes}, 1),
        Job("Keras, predict", "stock_keras", "inference", {"batch_size": BATCH, **passes}, 1),
        Job("checkpoint, BC-100-12", "ours", "checkpoint", bc100, 1),
    )


def _commands(times: int) -> tuple[Job, ...]:
    """What a person waits for first, each in turn with the bare interpreter."""
    commands = {
        "--help": ["--help"],
        "leaderboard": ["leaderboard", "runs"],
        "check": ["check", str(EXPERIMENTS / "digits.yaml")],
        "inspect": ["inspect", "starter"],
    }
    return tuple(
        Job(f"dnsearch {name}", "commands", "started", {"arguments": arguments, "times": times}, 1)
        for name, arguments in commands.items()
    )
