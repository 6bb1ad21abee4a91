"""How often verdicts, intervals and the leaderboard's claims are wrong, over thousands of comparisons.

`make test-statistics` prints the counts for docs/benchmarks.md. Networks are simulated image by image: an
ease of each image that all networks share, an own one for each arm (0 in A/A comparisons), a strength of each
seed, and chance; an image is right where their sum is positive.
"""

import warnings

import numpy as np
import optuna
import pytest

from dnsearch.compare.statistics import (
    mean_difference,
    over_seeds_and_images,
    p_value,
    pairs_needed,
    power,
    sign_flip,
)
from dnsearch.compare.verdict import verdicts
from dnsearch.evaluate.bootstrap import bootstrap, resampled_means
from dnsearch.evaluate.calibration import calibration, expected_error, gaps
from dnsearch.evaluate.importance import importances
from dnsearch.evaluate.intervals import difference_of_means, difference_of_shares
from dnsearch.evaluate.multiple_comparisons import Measured, Spread, may_be_best, spread_of_seeds
from dnsearch.evaluate.paired_hits import agreement, mcnemar, paired_difference
from dnsearch.runs.hits import Hits

pytestmark = pytest.mark.statistics

NO_SEEDS = Spread()
ERRORS = 3
"""Monte-Carlo standard errors that a count may be off."""


def above(limit, draws):
    return limit + ERRORS * np.sqrt(limit * (1 - limit) / draws)


def show(title, rows):
    print(f"\n{title}")  # noqa: T201  (the table is what the command is for)
    for row in rows:
        print("  " + "  ".join(f"{each:.3f}" if isinstance(each, float) else str(each) for each in row))  # noqa: T201  (the same)


def networks(rng, arms, pairs, images, own=0.0, seeds=0.15):
    """Hits (arms, pairs, images); arms differ by image where ``own`` is not 0."""
    ease = rng.normal(2.2, 1.6, images)
    arm = own * rng.normal(size=(arms, 1, images))
    strength = seeds * rng.normal(size=(arms, pairs, 1))
    return ease + arm + strength + 0.8 * rng.normal(size=(arms, pairs, images)) > 0


@pytest.mark.parametrize(("arms", "pairs", "images"), [(2, 6, 360), (2, 12, 2000), (4, 8, 360), (4, 12, 360)])
def test_a_against_a(arms, pairs, images):
    """1,000 comparisons without a difference: of the four verdicts only better and worse are false."""
    rng, counts, covered, signs = np.random.default_rng(0), [], [], []
    names = [f"arm {number}" for number in range(arms)]
    for _ in range(1000):
        scores = 100 * networks(rng, arms, pairs, images).mean(axis=2)
        found = verdicts(dict(zip(names, scores, strict=True)), [(each, names[0]) for each in names[1:]], 0.5)
        counts.append([each.verdict for each in found])
        covered.append(all(each.difference.low <= 0 <= each.difference.high for each in found))
        signs.append(found[0].sign_flip_p <= 0.05)
    alarms = {name: float(np.mean([name in each for each in counts])) for name in ("better", "worse")}
    either = float(np.mean([not {"better", "worse"}.isdisjoint(each) for each in counts]))
    show(
        f"A/A, {arms} arms, {pairs} pairs, {images} images",
        [
            ("better", alarms["better"], "worse", alarms["worse"], "either", either),
            ("all intervals hold 0", float(np.mean(covered)), "sign flips", float(np.mean(signs))),
            ("equivalent", float(np.mean([each == "equivalent" for row in counts for each in row]))),
        ],
    )
    assert either <= above(0.05, 1000)
    assert max(alarms.values()) <= above(0.05, 1000)
    assert np.mean(signs) <= above(0.05, 1000)
    assert 0.93 <= np.mean(covered) <= 0.985  # hits of 360 images are coarse


@pytest.mark.parametrize("pairs", [6, 12, 24])
def test_a_difference_as_large_as_the_margin_is_seldom_equivalent(pairs):
    rng = np.random.default_rng(1)
    found = [
        verdicts({"a": rng.normal(0, 0.2, pairs), "b": rng.normal(0.5, 0.2, pairs)}, [("b", "a")], 0.5)[0]
        for _ in range(2000)
    ]
    shares = {
        name: float(np.mean([each.verdict == name for each in found])) for name in ("equivalent", "worse")
    }
    covered = float(np.mean([each.difference.low <= 0.5 <= each.difference.high for each in found]))
    show(
        f"true difference = margin, {pairs} pairs",
        [(*(each for pair in shares.items() for each in pair), "interval holds it", covered)],
    )
    assert max(shares.values()) <= above(0.05, 2000)
    assert 0.93 <= covered <= 0.97


@pytest.mark.parametrize("pilot", [4, 6, 8])
@pytest.mark.parametrize("ratio", [1.2, 1.6, 2.5])
def test_real_power_after_a_pilot(pilot, ratio):
    """The gap is 1, a pair's deviation ``ratio``; the pilot's pairs are counted, or new ones are run."""
    rng, draws = np.random.default_rng(0), 1500
    grid = np.geomspace(0.02 * ratio, 4 * ratio, 250)
    table = np.array([pairs_needed(1, float(each), pilot - 1) for each in grid])
    differences = ratio * rng.normal(size=(draws, 1200))
    counts = table[np.searchsorted(grid, differences[:, :pilot].std(axis=1, ddof=1))]
    alarms = [
        [
            p_value(each[start : start + pairs]) <= 0.05
            for each, pairs in zip(differences, counts, strict=True)
        ]
        for start in (pilot, 0)
    ]
    reached = float(np.mean([power(1, int(pairs), ratio) for pairs in counts]))
    new, counted = (float(np.mean(each)) for each in alarms)
    show(
        f"pilot of {pilot}, deviation = {ratio} gaps",
        [
            (
                "median pairs",
                float(np.median(counts)),
                "power",
                reached,
                "alarms",
                new,
                "if the pilot counts",
                counted,
            )
        ],
    )
    assert 0.75 <= reached <= 0.90
    assert new <= above(0.05, draws)


@pytest.mark.parametrize("own", [0.0, 0.8])
@pytest.mark.parametrize(("pairs", "images", "seeds"), [(6, 360, 0.15), (12, 360, 0.15), (12, 2000, 0.3)])
def test_over_seeds_and_images(own, pairs, images, seeds):
    rng, draws = np.random.default_rng(0), 1500
    held = []
    for _ in range(draws):
        first, second = networks(rng, 2, pairs, images, own, seeds)
        differences = 100.0 * (first.astype(float) - second)
        ours = over_seeds_and_images(first, second)
        of_pairs = mean_difference(differences.mean(axis=1))
        by_pair = resampled_means(differences.T, 0, 400)
        weights = rng.multinomial(pairs, np.full(pairs, 1 / pairs), 400)
        low, high = np.quantile((by_pair * weights).sum(axis=1) / pairs, [0.025, 0.975])
        held.append([each.low <= 0 <= each.high for each in (of_pairs, ours)] + [low <= 0 <= high])
    over_pairs, ours, crossed = map(float, np.mean(held, axis=0))
    show(
        f"{pairs} pairs, {images} images, own ease {own}, seeds {seeds}",
        [("over pairs", over_pairs, "crossed bootstrap", crossed, "over_seeds_and_images", ours)],
    )
    assert 0.93 - ERRORS * np.sqrt(0.93 * 0.07 / draws) <= ours <= above(0.97, draws)


@pytest.mark.parametrize("own", [0.0, 0.8])
def test_own_splits(own):
    """A pool of 1,000 images, each pair judged by 200 of them; the truth is that of all possible images."""
    rng, draws, pairs, quotient = np.random.default_rng(0), 1000, 12, 0.25
    held, flips = [], []
    for _ in range(draws):
        first, second = networks(rng, 2, pairs, 1000, own)
        chosen = np.argsort(rng.random((pairs, 1000)), axis=1)[:, :200]
        hits = np.take_along_axis(100.0 * (first.astype(float) - second), chosen, axis=1)
        differences = hits.mean(axis=1)
        found = mean_difference(differences), mean_difference(differences, quotient)
        held.append([each.low <= 0 <= each.high for each in found])
        flips.append(sign_flip(differences) <= 0.05)
    plain, corrected = map(float, np.mean(held, axis=0))
    show(
        f"own splits, own ease {own}",
        [("s²/n", plain, "Nadeau and Bengio", corrected, "sign flips at 5 %", float(np.mean(flips)))],
    )
    assert corrected >= 0.93


@pytest.mark.parametrize("trials", [5, 20, 50])
def test_equal_trials_of_a_leaderboard(trials):
    """An earlier rule held each against the first at 5 %, by shares."""
    rng, draws = np.random.default_rng(0), 1000
    one_by_one, together, by_image = [], [], []
    for _ in range(draws):
        right = np.sort(rng.binomial(5000, 0.95, trials))[::-1]
        shares = right / 5000
        lows = [difference_of_shares(shares[0], each, (5000, 5000)).low for each in shares[1:]]
        one_by_one.append([low > 0 for low in lows])
        together.append(called_worse([Measured((share,), 5000) for share in shares.tolist()]))
        by_image.append(called_worse(measured(networks(rng, trials, 1, 1000, seeds=0.0))))
    rules = {"one by one": one_by_one, "Tukey": together, "Tukey, image by image": by_image}
    rows = [
        (name, "of the others", float(np.mean(each)), "studies", float(np.any(each, axis=1).mean()))
        for name, each in rules.items()
    ]
    show(f"{trials} equal trials: called worse", rows)
    assert np.any(together, axis=1).mean() <= above(0.05, draws)
    assert np.any(by_image, axis=1).mean() <= above(0.05, draws)


@pytest.mark.parametrize(("trials", "seeds"), [(5, 3), (20, 3), (50, 2)])
def test_equal_trials_that_are_confirmed(trials, seeds):
    """Five of them are retrained; seeds and images both make a difference, and images stay the same ones."""
    rng, draws, any_worse, by_seeds = np.random.default_rng(0), 400, [], []
    for _ in range(draws):
        hits = networks(rng, trials, 1 + seeds, 1000, own=0.5)
        order = np.argsort(-hits[:, 0].mean(axis=1))
        confirmed, others = hits[order[:5], 1:], hits[order[5:], :1]
        made = sorted(measured(confirmed), key=lambda each: -np.mean(each.scores)) + measured(others)
        any_worse.append(called_worse(made, spread_of_seeds(made)))
        means = [each.scores for each in made[:5]]
        by_seeds.append([difference_of_means(means[0], each).low > 0 for each in means[1:]])
    found = float(np.any(any_worse, axis=1).mean())
    welch = float(np.any(by_seeds, axis=1).mean())
    show(f"{trials} equal trials, 5 confirmed on {seeds} seeds", [("Welch", welch, "Tukey, both", found)])
    assert found <= above(0.05, draws)


def measured(hits):
    """What the leaderboard knows of networks, (arms, trainings, images)."""
    return [
        Measured(
            tuple(each.mean(axis=1).tolist()),
            each.shape[1],
            tuple(Hits(np.packbits(right).tobytes(), each.shape[1], 0) for right in each),
        )
        for each in hits
    ]


def called_worse(trials, spread=NO_SEEDS):
    """Of trials, which but the first are called worse; those of one training are put in order."""
    if len(trials[0].scores) == 1:
        trials = sorted(trials, key=lambda each: -each.scores[0])
    return [not may_be_best(trials[0], each, len(trials), spread) for each in trials[1:]]


def test_a_true_gap_on_shared_images():
    """Two networks, 5,000 images, a true gap of 0.7 points that only some images show."""
    rng, draws = np.random.default_rng(0), 500
    found = []
    for _ in range(draws):
        ease = rng.normal(2.2, 1.6, 5000)
        first = ease + 0.05 + 0.45 * rng.normal(size=5000) > 0
        second = ease + 0.45 * rng.normal(size=5000) - 0.017 > 0
        counts = agreement(np.packbits(first).tobytes(), np.packbits(second).tobytes(), 5000)
        apart = difference_of_shares(first.mean(), second.mean(), (5000, 5000))
        paired = paired_difference(counts)
        found.append(
            [
                100 * apart.value,
                apart.low > 0,
                mcnemar(counts.first_only, counts.second_only).mid_p <= 0.05,
                paired.low > 0,
            ]
        )
    gap, apart, mid_p, newcombe = map(float, np.mean(found, axis=0))
    show(
        "gap in points; found",
        [(gap, "by shares", apart, "McNemar mid-p", mid_p, "Newcombe paired", newcombe)],
    )
    assert mid_p > 3 * apart


@pytest.mark.parametrize("examples", [360, 2000])
@pytest.mark.parametrize("over", [0, 0.008, 0.02, 0.05])
def test_calibration(examples, over):
    draws = 400
    held, values = [], []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        confidence = 1 - 0.5 * rng.beta(0.35, 3, examples)
        labels = np.where(rng.random(examples) < confidence - over, 0, 1)
        given = np.column_stack([confidence, 1 - confidence]), labels
        each = gaps(*given)
        before = bootstrap(each, resampled_means(each, seed, 400), expected_error)
        after = calibration(*given, seed, 400)
        held.append([found.low <= over <= found.high for found in (before, after.error)])
        values.append([after.plain, after.error.value])
    (before, after), (plain, error) = (map(float, np.mean(each, axis=0)) for each in (held, values))
    show(
        f"calibration error {over}, {examples} images",
        [("bootstrap holds", before, "debiased holds", after, "plain", plain, "debiased", error)],
    )
    assert after >= 0.93 - ERRORS * np.sqrt(0.93 * 0.07 / draws)


@pytest.mark.parametrize("trials", [30, 60])
def test_importances_of_a_search(trials):
    """TPE and halving; only the learning rate and pooling act, pooling by 5 points."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    acting, today, first_rung, alarms = ["rate", "pooling"], [], [], []
    for seed in range(20):
        study, settings, scores = searched(seed, trials)
        finished = [each for each in study.trials if each.state is optuna.trial.TrialState.COMPLETE]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            shares = optuna.importance.get_param_importances(
                study,
                evaluator=optuna.importance.PedAnovaImportanceEvaluator(
                    target_quantile=max(0.1, 5 / len(finished))
                ),
                target=lambda trial: -trial.value,
                normalize=True,
            )
        found = importances(settings, scores)
        today.append([shares.get(path, 0.0) for path in sorted(found)])
        first_rung.append([found[path].share for path in sorted(found)])
        alarms.append([found[path].share > found[path].chance for path in sorted(found)])
    names = sorted(found)
    rows = [
        (name, "PED-ANOVA", *map(float, (a, b, c)))
        for name, a, b, c in zip(
            names, *(np.mean(each, axis=0) for each in (today, first_rung, alarms)), strict=True
        )
    ]
    show(f"importances, {trials} trials: PED-ANOVA of the finished, share, stands out", rows)
    places = [names.index(each) for each in acting]
    idle = np.delete(np.array(alarms), places, axis=1)
    assert np.mean(np.array(alarms)[:, places]) > 0.75
    assert idle.any(axis=1).mean() <= 0.25  # 20 studies; TPE draws later trials by earlier scores


def searched(seed, trials):
    rng = np.random.default_rng(seed)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    rungs, settings, scores = {1: [], 3: [], 9: []}, [], []
    for _ in range(trials):
        trial = study.ask()
        chosen = {
            "rate": trial.suggest_float("rate", 1e-3, 1, log=True),
            "pooling": trial.suggest_categorical("pooling", ["avg", "max", "stride"]),
            "alpha": trial.suggest_categorical("alpha", [0.0, 0.01, 0.1, 0.3]),
            "growth": trial.suggest_int("growth", 8, 24, step=4),
            "batch": trial.suggest_categorical("batch", [32, 64, 128]),
        }
        final = 0.95 - 0.08 * (np.log10(chosen["rate"]) + 1) ** 2
        final -= {"avg": 0, "max": 0.05, "stride": 0.02}[chosen["pooling"]]
        for epoch, others in rungs.items():
            score = final - 0.25 / epoch + 0.01 * rng.normal()
            others.append(score)
            trial.report(score, epoch)
            if epoch == 1:
                settings.append(chosen)
                scores.append(score)
            if epoch < 9 and score < np.quantile(others, 2 / 3):
                study.tell(trial, state=optuna.trial.TrialState.PRUNED)
                break
        else:
            study.tell(trial, score)
    return study, settings, scores
