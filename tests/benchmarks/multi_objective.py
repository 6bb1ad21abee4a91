"""Whether a search for several objectives loses anything by its pruner: made-up trainings, the real store.

``python tests/benchmarks/multi_objective.py`` prints the figures of docs/benchmarks.md. A training is a
formula: the error of a network falls with its size (a power law, as Hestness et al., 2017, arXiv 1712.00409,
measured) and with the epochs (another one, pow3 of Domhan et al., 2015), more slowly for larger networks and
for smaller learning rates; the seed makes the noise. Proposals, comparisons and promotions are those of a
search.

Each search is run twice, with successive halving and without a pruner, on the same seed. What they found is
measured without the noise, since of many noisy figures the largest flatters.
"""

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from statistics import fmean, stdev

import optuna
from optuna.trial import Trial, TrialState
from scipy.stats import binomtest, wilcoxon

from dnsearch.runs.folder import trial_name
from dnsearch.runs.record import EpochRecord, Metrics, Parameters, RunRecord, opening
from dnsearch.search.pruning import scores_of
from dnsearch.search.study_lock import StudyLock
from dnsearch.search.trial_store import TrialStore
from dnsearch.spec.document import Document, parse

SPEC = """\
version: 1
name: made-up
network: {{growth_rate: 12, layers_per_block: [2, 2]}}
data: {{source: digits}}
training: {{epochs: {epochs}, learning_rate: 0.1}}
tune:
  objectives: [validation, parameters]
  sampler: {sampler}
  pruner: {pruner}
  seed: {seed}
  trials: {trials}
  parameters:
    network.growth_rate: {{int: [4, 40]}}
    network.compression: {{float: [0.1, 1.0]}}
    training.learning_rate: {{float: [1e-3, 1.0], log: true}}
"""
SMALLEST, LARGEST = 1000, 320_000
NOISE = 0.01
WORKERS = 2
EPOCHS, TRIALS = 27, 100
FIRST_SEED, SEEDS = 10, 20
"""On the seeds from 0 to 9 it was chosen that the best half goes on."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network as far as its training is made up.

    Args:
        growth_rate: the paper's k.
        compression: the share of channels that a transition keeps.
        learning_rate: of its training.
    """

    growth_rate: int
    compression: float
    learning_rate: float

    @property
    def parameters(self) -> int:
        """How many weights it has: 200 k² (0.3 + 0.7 θ²)."""
        return round(200 * self.growth_rate**2 * (0.3 + 0.7 * self.compression**2))

    def accuracy(self, epoch: int) -> float:
        """Without noise after an epoch: 1 - (f + (0.9 - f) epoch^-b).

        ``f``, where it would come to, is 0.03 + 0.6 (p / 1000)^-0.35 + 0.1 (θ - 0.6)² + 0.15 d² for ``p``
        parameters and a learning rate that is ``d`` decades off 0.05, at most 0.9. ``b``, how fast it comes
        there, is (1.3 - 0.15 log10(p / 1000)) (learning rate / 0.05)^0.15.
        """
        size, off = self.parameters / 1000, math.log10(self.learning_rate / 0.05)
        last = 0.03 + 0.6 * size**-0.35 + 0.1 * (self.compression - 0.6) ** 2 + 0.15 * off**2
        last = min(last, 0.9)
        speed = (1.3 - 0.15 * math.log10(size)) * 10 ** (0.15 * off)
        return 1 - (last + (0.9 - last) * epoch**-speed)


def network_of(document: Document) -> Network:
    """What of a spec counts."""
    experiment = document.experiment
    compression = experiment.network.compression
    return Network(experiment.network.growth_rate, compression, experiment.training.learning_rate)


class MadeUpSearch:
    """A search with two workers, each of which trains an epoch in turn.

    Args:
        sampler: of ``tune``.
        pruner: of ``tune``.
        seed: of the sampler and of the noise.
        epochs: of each training.
    """

    def __init__(self, sampler: str, pruner: str, seed: int, epochs: int = EPOCHS) -> None:
        text = SPEC.format(sampler=sampler, pruner=pruner, seed=seed, epochs=epochs, trials=TRIALS)
        self._document = parse(text.encode(), "made-up.yaml")
        tune = self._document.experiment.tune
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        memory = optuna.storages.InMemoryStorage()
        study = optuna.create_study(directions=["maximize", "minimize"], storage=memory)
        lock = StudyLock(study.study_name, "sqlite:///unused.db")
        self.store = TrialStore(study, memory, self._document, tune, lock)
        self._seed, self._epochs = seed, epochs
        self.networks: dict[int, Network] = {}

    def run(self, trials: int) -> None:
        """Search until so many trials are used up and nothing may go on any more."""
        at_work: list[Trial] = []
        while True:
            while len(at_work) < WORKERS and (trial := self._taken(trials)) is not None:
                at_work.append(trial)
            if not at_work:
                return
            at_work = [trial for trial in at_work if self._goes_on(trial)]

    def _taken(self, trials: int) -> Trial | None:
        waiting = self.store.promoted(())
        if waiting is not None or len(self.networks) >= trials:
            return waiting
        trial = self.store.new()
        document = self._document.with_values(self.store.choice(trial).values, "a trial")
        self.networks[trial.number] = network = network_of(document)
        self.store.note(trial, document, {"parameters": network.parameters})
        return trial

    def _goes_on(self, trial: Trial) -> bool:
        """Train an epoch; whether there is more to train."""
        number = max(scores_of(self.store.study.get_trials(deepcopy=False)[trial.number]), default=0) + 1
        noise = Random(f"{self._seed} {trial.number} {number}").gauss(0, NOISE)
        accuracy = min(1.0, max(0.0, self.networks[trial.number].accuracy(number) + noise))
        metrics = Metrics(1.0, accuracy, 1000)
        verdict = self.store.verdict(
            trial, EpochRecord(number, 0.1, metrics, metrics, 1.0, 1.0), self._epochs
        )
        if verdict is not None:
            self.store.close(trial, replace(self._record(trial), state=verdict.state, reason=verdict.reason))
        elif number == self._epochs:
            done = replace(self._record(trial), state="finished", last=metrics, best=metrics)
            self.store.close(trial, done)
        else:
            return True
        return False

    def _record(self, trial: Trial) -> RunRecord:
        network = self.networks[trial.number]
        name = trial_name(trial.number)
        return opening(name, self._document.experiment, Parameters(network.parameters, 0), 1, None)

    def epochs(self) -> int:
        """How many epochs were trained."""
        trials = self.store.study.get_trials(deepcopy=False)
        return sum(max(scores_of(trial), default=0) for trial in trials)

    def found(self, epochs: float = math.inf) -> float:
        """The hypervolume of what has ended, of the first so many epochs' worth of trials."""
        ended = self.store.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if epochs < math.inf:
            ended = ended[: max(1, int(epochs / self._epochs))]
        networks = [self.networks[trial.number] for trial in ended]
        return hypervolume((each.accuracy(self._epochs), each.parameters) for each in networks)


def hypervolume(points: Iterable[tuple[float, int]]) -> float:
    """The share of all there is between the worst and the best that some point is better than.

    An accuracy counts from 0 to 1, parameters by their logarithm from LARGEST to SMALLEST.

    >>> round(hypervolume([(0.5, 1000), (0.4, 2000), (1.0, 320_000)]), 3)
    0.5
    """
    area, best = 0.0, 0.0
    for size, accuracy in sorted((size, accuracy) for accuracy, size in points):
        width = math.log(LARGEST / min(max(size, SMALLEST), LARGEST)) / math.log(LARGEST / SMALLEST)
        area += max(0.0, accuracy - best) * width
        best = max(best, accuracy)
    return area


@dataclass(frozen=True, slots=True)
class Compared:
    """One seed, with and without a pruner.

    Args:
        epochs: with it.
        epochs_without: without it, at the same number of trials.
        found: hypervolume with it.
        found_without: without it, at the same number of trials.
        found_without_at_same_epochs: without it, at the same number of epochs.
    """

    epochs: int
    epochs_without: int
    found: float
    found_without: float
    found_without_at_same_epochs: float


def compared(sampler: str, seed: int, trials: int = TRIALS, epochs: int = EPOCHS) -> Compared:
    """Two searches of one seed."""
    with_it, without = (MadeUpSearch(sampler, pruner, seed, epochs) for pruner in ("halving", "none"))
    with_it.run(trials)
    without.run(trials)
    same = without.found(with_it.epochs())
    return Compared(with_it.epochs(), without.epochs(), with_it.found(), without.found(), same)


def told(name: str, differences: list[float]) -> str:
    """Mean, spread and two tests of what halving has more than no pruner."""
    more, less = sum(each > 0 for each in differences), sum(each < 0 for each in differences)
    sign = binomtest(more, more + less).pvalue
    rank = wilcoxon(differences).pvalue
    mean, spread = fmean(differences), stdev(differences)
    return (
        f"{name}: {mean:+.4f} ± {spread:.4f}, more in {more}, less in {less}; "
        f"sign test p = {sign:.2g}, Wilcoxon p = {rank:.2g}"
    )


def main(seeds: int) -> None:
    """Print a line per seed and sampler, and what they come to."""
    for sampler in ("tpe", "nsga2", "random"):
        rows = []
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            rows.append(row := compared(sampler, seed))
            print(
                f"{sampler} {seed:2d}: epochs {row.epochs:5d} of {row.epochs_without}, "
                f"hypervolume {row.found:.4f}, without {row.found_without:.4f}, "
                f"without at the same epochs {row.found_without_at_same_epochs:.4f}",
                flush=True,
            )
        share = fmean(row.epochs / row.epochs_without for row in rows)
        print(f"{sampler}: {share:.1%} of the epochs; hypervolume {fmean(row.found for row in rows):.4f}")
        print(told("  at the same trials", [row.found - row.found_without for row in rows]))
        print(told("  at the same epochs", [row.found - row.found_without_at_same_epochs for row in rows]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS)
