"""What a search keeps of its trials: of the best everything, of the others that ended what they were.

Looking into every folder after every trial would make a search of 10,000 trials slow. A trial that ends is
either among the best, and then the one just behind them loses its files, or it loses its own.
"""

from collections.abc import Sequence
from pathlib import Path

from dnsearch.runs.cleaning import heavy, remove
from dnsearch.runs.folder import RunFolder, trial_name

BEHIND = 8
"""Trials behind the best that are looked at; other processes may end some of the study's meanwhile."""


def thin(folder: Path, ranked: Sequence[int], ended: int, keep: int) -> None:
    """Remove checkpoints and weights of a trial that ended, or of those that it pushed out of the best.

    Args:
        folder: the study's folder.
        ranked: numbers of the finished trials, the best first.
        ended: number of the trial that ended just now.
        keep: how many of the best keep everything.

    Raises:
        RunError: a file cannot be removed.
    """
    for number in {ended, *ranked[keep : keep + BEHIND]} - {*ranked[:keep]}:
        remove(heavy(RunFolder(folder / trial_name(number))))
