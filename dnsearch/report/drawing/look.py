"""How each kind of connection looks: told apart by colour and by line style, so that either alone will do.

The colours are those of Okabe and Ito (2008) and of Tol (2021) that keep apart for colour-blind eyes.
"""

from typing import Literal

from dnsearch.report.drawing.marks import INK, Stroke

Kind = Literal["dense", "sparse", "plain", "cross_block", "skip", "head"]

STROKES: dict[Kind, Stroke] = {
    "dense": Stroke("#0072B2", 0.8),
    "sparse": Stroke("#D55E00", 1.0, (3.2, 1.3)),
    "plain": Stroke("#555555", 1.1),
    "cross_block": Stroke("#00825F", 1.7, (6.0, 1.8, 1.4, 1.8)),
    "skip": Stroke("#882255", 1.7, (8.0, 2.5)),
    "head": Stroke("#8A6500", 1.7, (1.5, 1.5)),
}
WORDS: dict[Kind, str] = {
    "dense": "edge of a dense block",
    "sparse": "edge of a sparse block",
    "plain": "convolution after convolution",
    "cross_block": "link between blocks",
    "skip": "skip",
    "head": "read by the head as well",
}
FLOW = Stroke(INK, 1.3)
GATHERED = Stroke("#6B7075", 0.9)
OUTLINE = Stroke(INK, 0.9)
BORDER = Stroke("#9AA1A8", 0.8)
