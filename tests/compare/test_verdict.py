"""From scores to verdicts and sentences, each verdict once, and at the borders between them."""

import re

import numpy as np
import pytest

from dnsearch.compare.verdict import sentence, verdicts

BASE = np.array([90.0, 91.0, 90.5, 92.0, 91.5, 90.0, 91.0, 90.5])
NOISE = np.array([0.1, -0.1, 0.2, -0.2, 0.05, -0.05, 0.15, -0.15])


def judged(differences, margin=0.3, **more):
    scores = {"avg": BASE[: len(differences)], "max": BASE[: len(differences)] + differences}
    (found,) = verdicts(scores, [("max", "avg")], margin, **more)
    return found


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        (NOISE + 1, "better"),
        (NOISE - 1, "worse"),
        (NOISE, "equivalent"),
        (NOISE + 0.15, "equivalent"),  # not 0, but too little to matter
        (NOISE * 5, "undecided"),
        (NOISE[:5] + 1, "undecided"),  # five pairs are too few for any verdict
        (NOISE[:5] / 100, "undecided"),
        (np.zeros(6), "equivalent"),
    ],
)
def test_each_verdict(differences, verdict):
    assert judged(differences).verdict == verdict


def test_a_better_arm_said_the_other_way_round_is_worse():
    scores = {"avg": BASE, "max": BASE + NOISE + 1}
    better, worse = verdicts(scores, [("max", "avg"), ("avg", "max")], 0.3)
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert worse.difference.low == pytest.approx(-better.difference.high)
    assert worse.superiority == 1 - better.superiority


def test_more_contrasts_make_intervals_wider_and_ps_larger():
    scores = {"avg": BASE, "max": BASE + NOISE + 0.2, "log": BASE - NOISE}
    (alone,) = verdicts(scores, [("max", "avg")], 0.3)
    together = verdicts(scores, [("max", "avg"), ("log", "avg"), ("max", "log")], 0.3)[0]
    assert together.p > alone.p
    assert together.difference.high > alone.difference.high
    assert together.sign_flip_p == alone.sign_flip_p


def test_p_and_interval_never_disagree():
    rng = np.random.default_rng(0)
    for _ in range(200):
        scores = {arm: rng.normal(0, 1, 8) for arm in "abc"}
        for found in verdicts(scores, [("b", "a"), ("c", "a"), ("c", "b")], 0.01):
            assert (found.p <= 0.05) == (not found.difference.low <= 0 <= found.difference.high)


def test_undecided_says_how_many_pairs_would_decide():
    found = judged(NOISE * 5)
    assert found.pairs_needed > found.pairs
    assert judged(NOISE + 1).pairs_needed is None
    assert judged(NOISE * 5, resplit=0.25).pairs_needed is None


@pytest.mark.parametrize(
    ("differences", "text"),
    [
        (
            NOISE + 1,
            "max is better than avg by 1.00 points (95 % 0.88 to 1.12, 8 pairs) at equal multiply-adds",
        ),
        (
            NOISE - 1,
            "max is worse than avg by 1.00 points (95 % 0.88 to 1.12, 8 pairs) at equal multiply-adds",
        ),
        (
            NOISE,
            "max is equivalent to avg, within 0.3 points "
            "(90 % -0.10 to 0.10, 8 pairs) at equal multiply-adds",
        ),
    ],
)
def test_sentences(differences, text):
    assert sentence(judged(differences), "macs") == text


def test_the_sentence_of_an_undecided_contrast():
    text = sentence(judged(NOISE * 5))
    assert re.fullmatch(
        r"it is undecided whether max is better or worse than avg: "
        r"\+0\.00 points \(95 % -0\.61 to \+0\.61, 8 pairs\); "
        r"so many pairs find a difference of 0\.8\d points in 80 % of cases; "
        r"to decide this one, a new comparison probably takes about \d+",
        text,
    )
    assert "takes too many" in sentence(judged(NOISE * 5, resplit=0.25))
