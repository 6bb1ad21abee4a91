"""From the scores of arms to verdicts: better, worse, equivalent or undecided, and a sentence for each.

The rule, for each contrast, once all planned pairs are there:

1. fewer than 6 pairs: **undecided**;
2. the 90 % interval lies within ±margin: **equivalent**, also where it leaves out 0: so little does not
   matter;
3. the adjusted p is at most 0.05: **better** or **worse**, by the sign of the mean;
4. else **undecided**.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np

from dnsearch.compare.statistics import (
    ALPHA,
    Floats,
    detectable_gap,
    mean_difference,
    p_value,
    pairs_needed,
    sidak,
    sign_flip,
    superiority,
)
from dnsearch.evaluate.intervals import Figure
from dnsearch.spec.compare import FEWEST_PAIRS, Matched

Verdict = Literal["better", "worse", "equivalent", "undecided"]

EQUAL: dict[Matched, str] = {
    "macs": " at equal multiply-adds",
    "parameters": " at equal parameters",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Contrast:
    """One arm against another, in points of accuracy (100 times the share).

    Args:
        arm: the one that the verdict is about.
        other: the one that it is compared with, such as the baseline.
        verdict: what is known of ``arm``.
        pairs: how many were compared.
        margin: the difference that matters.
        difference: the mean of ``arm`` less ``other``, and its 95 % interval.
        equivalence: the same with its 90 % interval.
        p: of Student's paired test. Like both intervals it is adjusted for the number of contrasts.
        sign_flip_p: without the assumption of a normal distribution; not adjusted.
        superiority: the probability that ``arm`` beats ``other`` in a pair.
        detectable_gap: what so many pairs find with a power of 80 %.
        pairs_needed: of an undecided contrast, how many pairs would decide it with a power of 80 % if the
            true difference is the measured one; None where none of up to 10,000 would, and for other
            verdicts.
    """

    arm: str
    other: str
    verdict: Verdict
    pairs: int
    margin: float
    difference: Figure
    equivalence: Figure
    p: float
    sign_flip_p: float
    superiority: float
    detectable_gap: float
    pairs_needed: int | None


def verdicts(
    scores: Mapping[str, Sequence[float]],
    contrasts: Sequence[tuple[str, str]],
    margin: float,
    resplit: float = 0.0,
) -> list[Contrast]:
    """Judge the contrasts of a comparison together.

    Of comparisons without any difference at most 5 % find one.

    Args:
        scores: arm → its score in each pair, in points; at least two, as many for all arms.
        contrasts: arms and what they are compared with: each arm with the baseline, and others that were
            planned.
        margin: the difference that matters, in points, above 0.
        resplit: ``n_val / n_train`` where each pair drew its own split, else 0.

    >>> scores = {"avg": [90, 91, 90, 92, 91, 90], "max": [88, 89, 89, 90, 88, 88.5]}
    >>> found = verdicts(scores, [("max", "avg")], margin=0.3)[0]
    >>> found.verdict, round(found.difference.value, 2), round(found.p, 4), found.superiority
    ('worse', -1.92, 0.0009, 0.0)
    """
    return [
        _contrast(names, np.subtract(scores[names[0]], scores[names[1]]), margin, (len(contrasts), resplit))
        for names in contrasts
    ]


def _contrast(
    names: tuple[str, str], differences: Floats, margin: float, design: tuple[int, float]
) -> Contrast:
    contrasts, resplit = design
    pairs, deviation = len(differences), float(differences.std(ddof=1))
    difference = mean_difference(differences, resplit, contrasts)
    equivalence = mean_difference(differences, resplit, contrasts, confidence=1 - 2 * ALPHA)
    p = sidak(p_value(differences, resplit), contrasts)
    verdict = _verdict(pairs, difference.value, equivalence, p, margin)
    size = abs(difference.value)
    # If the measured difference is the true one, it is found to be above 0, or else to be within the margin.
    easier = max(size, margin - size)
    return Contrast(
        *names,
        verdict=verdict,
        pairs=pairs,
        margin=margin,
        difference=difference,
        equivalence=equivalence,
        p=p,
        sign_flip_p=sign_flip(differences),
        superiority=superiority(differences),
        detectable_gap=detectable_gap(pairs, deviation, contrasts, resplit),
        pairs_needed=(
            pairs_needed(easier, deviation, pairs - 1, contrasts, resplit) if verdict == "undecided" else None
        ),
    )


def _verdict(pairs: int, mean: float, equivalence: Figure, p: float, margin: float) -> Verdict:
    if pairs < FEWEST_PAIRS:
        return "undecided"
    if -margin < equivalence.low and equivalence.high < margin:
        return "equivalent"
    if p <= ALPHA:
        return "better" if mean > 0 else "worse"
    return "undecided"


def sentence(found: Contrast, match: Matched = "none") -> str:
    """What a person would say of a contrast.

    Args:
        found: the contrast.
        match: how the arms were brought to the same cost.

    >>> scores = {"average": [90, 91, 90, 92, 91, 90], "max": [88, 89, 89, 90, 88, 88.5]}
    >>> found = verdicts(scores, [("max", "average")], margin=0.3)[0]
    >>> print(sentence(found, "macs"))
    max is worse than average by 1.92 points (95 % 1.22 to 2.61, 6 pairs) at equal multiply-adds
    """
    figure, pairs, equal = found.difference, f"{found.pairs} pairs", EQUAL[match]
    match found.verdict:
        case "better":
            ends = f"{figure.low:.2f} to {figure.high:.2f}"
        case "worse":
            ends = f"{-figure.high:.2f} to {-figure.low:.2f}"
        case "equivalent":
            ends = f"{found.equivalence.low:.2f} to {found.equivalence.high:.2f}"
            return (
                f"{found.arm} is equivalent to {found.other}, within {found.margin:g} points "
                f"(90 % {ends}, {pairs}){equal}"
            )
        case "undecided":
            needed = f"about {found.pairs_needed:,}" if found.pairs_needed else "too many"
            return (
                f"it is undecided whether {found.arm} is better or worse than {found.other}{equal}: "
                f"{figure.value:+.2f} points (95 % {figure.low:+.2f} to {figure.high:+.2f}, {pairs}); "
                f"so many pairs find a difference of {found.detectable_gap:.2f} points in 80 % of cases; "
                f"to decide this one, a new comparison probably takes {needed}"
            )
        case _:
            assert_never(found.verdict)
    return (
        f"{found.arm} is {found.verdict} than {found.other} by {abs(figure.value):.2f} points "
        f"(95 % {ends}, {pairs}){equal}"
    )
