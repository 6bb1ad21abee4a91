"""A study as a whole: its trials in a table, and below it what the table's rows do not tell."""

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.text import Text

from dnsearch.board.ranking import Row
from dnsearch.board.settings import headings
from dnsearch.board.table import leaderboard
from dnsearch.board.units import one_line, shortened
from dnsearch.records.study import StudyRecord

MOST_REASONS, LONGEST_REASON = 3, 100
STATES = ("finished", "pruned", "paused", "failed", "running")


def study_board(
    rows: Sequence[Row], study: StudyRecord, columns: Sequence[str] = (), width: int = 100
) -> Group:
    """The leaderboard of a study, and the facts about it.

    Args:
        rows: what ``rank_trials`` made.
        study: the study.
        columns: further columns, see ``columns.arranged``.
        width: cells of the terminal.

    Raises:
        DnsearchError: an unknown column.
    """
    table = leaderboard(rows, f"study {one_line(study.name)}", columns, width)
    return Group(table, Text("\n".join(facts(study, rows)), style="dim"))


def facts(study: StudyRecord, rows: Sequence[Row]) -> list[str]:
    r"""One line of text per fact.

    >>> study = StudyRecord("a", trials={"finished": 4, "pruned": 6}, proposals=12, infeasible={"macs": 2},
    ...     infeasible_proposals=2, epochs_trained=30, epochs_saved=10, importances_missing="too few trials")
    >>> print("\n".join(facts(study, [])))
    trials: 4 finished, 6 pruned (searching)
    proposals: 10 of 12 feasible (83 %); infeasible: macs 2
    epochs: 30 trained, 10 saved by stopping early (25 %)
    importance: too few trials
    """
    return [*_counts(study), *_failures(rows), *_importances(study), *_legend(study, rows)]


def _counts(study: StudyRecord) -> Iterator[str]:
    states = ", ".join(f"{study.trials[state]} {state}" for state in STATES if study.trials.get(state))
    state = "" if study.state == "ended" else f" ({study.state})"
    yield f"trials: {states or 'none yet'}{state}"
    if study.infeasible_proposals:
        feasible = study.proposals - study.infeasible_proposals
        broken = ", ".join(f"{one_line(name)} {count}" for name, count in study.infeasible.items())
        share = 100 * feasible / study.proposals
        yield f"proposals: {feasible} of {study.proposals} feasible ({share:.0f} %); infeasible: {broken}"
    if study.epochs_saved:
        share = 100 * study.epochs_saved / (study.epochs_trained + study.epochs_saved)
        saved = f"{study.epochs_saved:,} saved by stopping early ({share:.0f} %)"
        yield f"epochs: {study.epochs_trained:,} trained, {saved}"
    elif study.epochs_trained:
        yield f"epochs: {study.epochs_trained:,} trained"


def _failures(rows: Sequence[Row]) -> Iterator[str]:
    """Why trials failed, the most frequent reasons first; a narrow table has no room for them."""
    failed = [row.record for row in rows if row.record.state == "failed"]
    reasons = Counter(one_line(record.reason) for record in failed if record.reason).most_common()
    for reason, count in reasons[:MOST_REASONS]:
        yield f"failed: {count} x {shortened(reason, LONGEST_REASON)}"
    if len(reasons) > MOST_REASONS:
        yield f"failed: {sum(count for _, count in reasons[MOST_REASONS:])} for other reasons"


def _importances(study: StudyRecord) -> Iterator[str]:
    names = headings(study.importances)
    shares = ", ".join(f"{one_line(names[path])} {share:.2f}" for path, share in study.importances.items())
    if told := shares or one_line(study.importances_missing):
        yield f"importance: {told}"


def _legend(study: StudyRecord, rows: Sequence[Row]) -> Iterator[str]:
    """What the signs in the table mean, as far as they are there."""
    standings = [row.standing for row in rows if row.standing is not None]
    if any(standing.confirmations for standing in standings):
        yield "±: of the mean over fresh seeds (Student); else of the images alone (Wilson)"
    if any(standing.tied for standing in standings):
        yield "= #1: the 95 % interval of the difference to the first holds 0"
    if any(standing.front for standing in standings):
        yield f"◆: no other finished trial is better in all of {', '.join(study.objectives)}"
