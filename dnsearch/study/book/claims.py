"""Which trials this coordinator holds: taken in its turn, kept while it lives, given back when it ends."""

import contextlib
from collections.abc import Callable, Container, Sequence
from pathlib import Path

from optuna.trial import FrozenTrial, Trial

from dnsearch.errors import RunError
from dnsearch.runs.folder import RunFolder, trial_name
from dnsearch.runs.lock import locked
from dnsearch.study.book.database import TROUBLE, clock
from dnsearch.study.book.leases import DEAD_SECONDS, LEASE, RENEW_SECONDS, found, is_alive, is_ours, renew
from dnsearch.study.book.ledger import Ledger
from dnsearch.study.book.turns import exclusive

DOUBT_SECONDS = DEAD_SECONDS / 2
"""Whoever has been silent for so long asks in its turn whether others have taken it for dead."""


class Claims:
    """One coordinator's claims in the book of a study that it may share with others.

    Args:
        ledger: the book.
        url: its database.
        folder: the study's folder.
    """

    def __init__(self, ledger: Ledger, url: str, folder: Path) -> None:
        self._ledger = ledger
        self._url = url
        self._folder = folder
        self._clock = clock(url)
        self._beat = self._clock()
        self._present = contextlib.ExitStack()
        self._is_present = False
        self._be_present()

    def _be_present(self) -> None:
        """Hold the study's lock, by which others see that it is searched; one of several searches does."""
        if not self._is_present:
            with contextlib.suppress(RunError):
                self._present.enter_context(locked(self._folder / "lock", wait_seconds=0))
                self._is_present = True

    def is_first(self) -> bool:
        """Whether this is the one of several searches in the study's folder that ends what all have done."""
        self._be_present()
        return self._is_present

    def take(self, budget: int) -> Trial | None:
        """A trial that nobody is at work on: a dead one's, one that may go on from its rung, or a new one.

        Args:
            budget: trials that the study shall have in all. What waits at a rung may go on whatever it is.

        Returns:
            None where there is no such trial.
        """
        with exclusive(self._url, self._ledger.study.study_name):
            now = self._clock()
            running = self._ledger.running()
            orphans = [trial for trial in running if not self._is_at_work(trial, now)]
            counted = self._ledger.ended() + len(self._ledger.paused()) + len(running)
            left = orphans if counted - len(orphans) < budget else []
            trial = self._ledger.trial(left[0]) if left else None
            trial = trial or self._ledger.promoted(lambda each: self._is_at_work(each, now))
            if trial is None and counted < budget:
                trial = self._ledger.new()
            if trial is not None:
                renew([trial], now)
        return trial

    def close_waiting(self, own: Container[int], end: Callable[[Trial], None]) -> bool:
        """End the trials that wait at a rung, unless another coordinator's may yet let them go on.

        Args:
            own: numbers of the trials that this coordinator holds and that wait for others.
            end: told of each in this coordinator's turn.

        Returns:
            Whether nobody is at work.
        """
        with exclusive(self._url, self._ledger.study.study_name):
            now, paused = self._clock(), self._ledger.paused()
            if any(trial.number not in own for trial in self._ledger.running()):
                return False
            if any(self._is_at_work(trial, now) for trial in paused):
                return False
            for trial in paused:
                end(self._ledger.trial(trial))
        return True

    def _is_at_work(self, trial: FrozenTrial, now: float) -> bool:
        # A child outlives its coordinator for an instant, and for as long as the coordinator is only stopped.
        folder = RunFolder(self._folder / trial_name(trial.number))
        return is_alive(found(trial.user_attrs), now) or folder.is_locked()

    def keep(self, held: Sequence[Trial]) -> frozenset[int]:
        """Renew the leases of the trials held, when it is time; the numbers of those that others have taken.

        Args:
            held: the trials that this coordinator believes to hold.
        """
        self._be_present()
        now = self._clock()
        if now - self._beat < RENEW_SECONDS:
            return frozenset()
        if now - self._beat < DOUBT_SECONDS:
            self._renew(held)
            return frozenset()
        with exclusive(self._url, self._ledger.study.study_name):
            ours = [trial for trial in held if is_ours(trial.user_attrs)]
            self._renew(ours)
        return frozenset(trial.number for trial in held) - {trial.number for trial in ours}

    def _renew(self, held: Sequence[Trial]) -> None:
        self._beat = self._clock()
        renew(held, self._beat)

    def release(self, held: Sequence[Trial]) -> None:
        """Let others take the trials that this coordinator did not bring to an end."""
        with contextlib.suppress(*TROUBLE):  # of a database that is gone, the leases end by themselves
            for trial in held:
                trial.set_user_attr(LEASE, None)
        self._present.close()
