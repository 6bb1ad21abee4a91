"""The connectivity matrix of a block as characters: a row per layer, a column per feature, the output last.

■ is read, · could be read and is not.
"""

from dnsearch.plan.graph import Block, NetworkPlan

READ, UNREAD = "■", "·"
WIDTH = 80
ROW_LABEL = 6


def matrix_lines(block: Block) -> list[str]:
    r"""The matrix of one block: a heading of feature numbers, a row per layer, a row for the output.

    Columns are three characters apart where that fits into 80, one where it does not; the numbers of the
    features then stand upright.

    >>> print("\n".join(matrix_lines(Block("block1", 0, ((0,), (1,), (0, 2)), (0, 3)))))
             0  1  2  3
         1   ■
         2   ·  ■
         3   ■  ·  ■
       out   ■  ·  ·  ■
    """
    features = len(block.reads) + 1
    pitch = 3 if ROW_LABEL + 1 + 3 * features <= WIDTH else 1
    rows = [_row(str(layer), reads, layer, pitch) for layer, reads in enumerate(block.reads, start=1)]
    return [*_heading(features, pitch), *rows, _row("out", block.output, features, pitch)]


def matrices(plan: NetworkPlan) -> str:
    """The matrices of all blocks, each wiring once."""
    blocks: dict[tuple[object, ...], list[Block]] = {}
    for block in plan.blocks:
        blocks.setdefault((block.reads, block.output), []).append(block)
    if not blocks:
        return "no dense blocks, and so no connectivity"
    return "\n\n".join("\n".join([_title(same), "", *matrix_lines(same[0])]) for same in blocks.values())


def _row(label: str, read: tuple[int, ...], possible: int, pitch: int) -> str:
    chosen = set(read)
    cells = ((READ if feature in chosen else UNREAD).rjust(pitch) for feature in range(possible))
    return f"{label:>{ROW_LABEL}} {''.join(cells)}"


def _heading(features: int, pitch: int) -> list[str]:
    """Feature numbers: side by side, or one digit below the other."""
    if pitch > 1:
        return [" " * (ROW_LABEL + 1) + "".join(f"{feature:>{pitch}}" for feature in range(features))]
    digits = len(str(features - 1))
    numbers = [f"{feature:>{digits}}" for feature in range(features)]
    return [
        (" " * (ROW_LABEL + 1) + "".join(number[place] for number in numbers)).rstrip()
        for place in range(digits)
    ]


def _title(blocks: list[Block]) -> str:
    names, first = [block.part for block in blocks], blocks[0]
    named = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    each = " each" if len(names) > 1 else ""
    layers, edges = len(first.reads), first.edges
    return (
        f"{named}: {layers} layer{'s' * (layers > 1)}, {edges:,} edge{'s' * (edges > 1)}{each}; "
        f"a layer (row) reads features (columns)"
    )
