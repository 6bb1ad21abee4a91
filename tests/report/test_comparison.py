"""A comparison as it is printed."""

import io

from rich.console import Console

from dnsearch.compare.frozen_plan import Plan
from dnsearch.compare.result import ArmResult, Result
from dnsearch.compare.verdict import sentence, verdicts
from dnsearch.evaluate.intervals import Figure
from dnsearch.report.comparison import comparison, forest

SCORES = {
    "avg": [90, 91, 90, 92, 91, 90],
    "max": [88, 89, 89, 90, 88, 88.5],
    "both": [90.2, 91.1, 90.1, 91.9, 91, 90.1],
}
CONTRASTS = verdicts(SCORES, [("max", "avg"), ("both", "avg")], margin=0.5)


def arm(name, mean):
    figure = Figure(mean, mean - 1, mean + 1)
    return ArmResult(name, {}, 0.1, 12, figure, figure, 21074, 804_300, 9.1, 10**9, ())


def result(**plan):
    return Result(
        name="starter-pooling",
        folder="runs/starter-pooling",
        metric="accuracy",
        baseline="avg",
        match="macs",
        margin=0.5,
        pairs=6,
        plan=Plan("0", 6, **plan),
        arms=tuple(arm(name, sum(scores) / 6) for name, scores in SCORES.items()),
        contrasts=tuple(CONTRASTS),
        test={"max": Figure(-1.5, -2, -1)},
        sentences=tuple(sentence(each, "macs") for each in CONTRASTS),
    )


def printed(found, width=80):
    console = Console(width=width, file=io.StringIO())
    console.print(comparison(found))
    return console.file.getvalue()


def test_the_whole_in_80_columns():
    rates = {"avg": 0.1, "max": 0.2, "both": 0.1}
    text = printed(result(rates=rates, tried={name: {"0.1": 90.0, "0.2": 91.0} for name in SCORES}))
    assert [line.rstrip() for line in text.splitlines()] == WHOLE.splitlines()


def test_without_tried_rates_there_is_no_table_of_them():
    assert "learning rate" not in printed(result())


def test_the_forest_plot_holds_every_interval():
    lines = forest(result()).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.count("o") for line in lines[:2]] == [1, 2], "the second arm is called both"


WHOLE = """\
starter-pooling: 6 pairs, margin 0.5 points of accuracy

Max is worse than avg by 1.92 points (95 % 1.06 to 2.77, 6 pairs) at equal
multiply-adds.
Both is equivalent to avg, within 0.5 points (90 % -0.04 to 0.17, 6 pairs) at
equal multiply-adds.

 max  ────────o───────    :    |    :
both                      :   ─|o─  :
      -2.77                    0                    +2.77
      worse than avg                               better

than avg   verdict      difference    95 % interval       p   wins   on test
──────────────────────────────────────────────────────────────────────────────
max        worse             -1.92   -2.77 to -1.06   0.002    0 %     -1.50
both       equivalent        +0.07   -0.07 to +0.20   0.319   75 %         –

arm    validation    test   rate   growth   parameters     MACs    time
─────────────────────────────────────────────────────────────────────────
avg         90.67   90.67    0.1       12       21,074   804.3k   9.1 s
max         88.75   88.75    0.1       12       21,074   804.3k   9.1 s
both        90.73   90.73    0.1       12       21,074   804.3k   9.1 s

learning rate       avg       max      both
─────────────────────────────────────────────
0.1             [90.00]     90.00   [90.00]
0.2               91.00   [91.00]     91.00
runs: runs/starter-pooling/pairs; the plan, frozen before them:
runs/starter-pooling/plan.json
"""
