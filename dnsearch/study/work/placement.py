"""Which graphics cards a trial gets.

Every trial takes the same share: a part of one card, or some whole cards. A card has room for as many parts
as fit into it. The next trial goes to the card with the fewest trials, so that work spreads before it stacks.
TensorFlow takes memory as it needs it, so trials on one card share it; nothing keeps them from asking for
more than there is.
"""

import math
from collections.abc import Iterable, Sequence
from itertools import chain

from dnsearch.errors import Problem, StudyError

Cards = tuple[str, ...]
"""Names of graphics cards, as ``CUDA_VISIBLE_DEVICES`` has them."""


def room(cards: Cards, share: float) -> int:
    """How many trials fit at once.

    Args:
        cards: the cards of the search.
        share: cards of a trial: up to 1, or a whole number.

    >>> room(("0", "1"), 0.5), room(("0", "1", "2"), 2), room(("0",), 2)
    (4, 1, 0)
    """
    return len(cards) * int(1 / share) if share <= 1 else len(cards) // int(share)


def place(cards: Cards, share: float, taken: Iterable[Cards]) -> Cards:
    """The cards of the next trial; there is room for it, as ``room`` says.

    Args:
        cards: the cards of the search.
        share: cards of a trial: up to 1, or a whole number.
        taken: the cards of each trial that runs; what ended is not among them, and so its cards are free.

    >>> place(("0", "1"), 0.5, [("0",)]), place(("0", "1", "2"), 2, [])
    (('1',), ('0', '1'))
    """
    loads = dict.fromkeys(cards, 0)
    for card in chain.from_iterable(taken):
        loads[card] += 1
    by_load = sorted(cards, key=loads.__getitem__)  # of equal ones the first comes first
    return tuple(by_load[: math.ceil(share)])


def check(cards: Cards, share: float, installed: Sequence[str], workers: int) -> None:
    """Refuse cards that are not there, and more trials at once than they have room for.

    Args:
        cards: the cards that a search is given.
        share: cards of a trial.
        installed: the cards of this machine.
        workers: trials at once.

    Raises:
        StudyError: with what there is.
    """
    asked = f"--gpus {','.join(cards)}"
    if missing := [card for card in cards if card not in installed]:
        there = f"cards of this machine: {', '.join(installed)}" if installed else "a graphics card"
        found = f"no {', '.join(missing)}" if installed else "none on this machine"
        raise StudyError(
            str(Problem(asked, there, found, "Without --gpus a search trains on what there is."))
        )
    if len(set(cards)) < len(cards):
        raise StudyError(str(Problem(asked, "each card once", "one of them twice")))
    if workers > (most := room(cards, share)):
        hint = f"tune.gpus_per_trial is {share:g}; name more cards, or lower one of the two."
        raise StudyError(
            str(Problem(f"--workers {workers}", f"at most {most} on {asked}", str(workers), hint))
        )
