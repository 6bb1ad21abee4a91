"""Which parameters a study's outcome hangs on.

PED-ANOVA (Watanabe et al., 2023, arXiv:2304.10255) asks how differently a parameter is spread among the best
trials and among all; parameters that exist under a condition alone count by how often they do (Optuna's
conditional version, arXiv:2601.20800). Pruned trials are not looked at: they did not come to their end.
"""

import math
import warnings
from collections.abc import Mapping

import optuna
from optuna.trial import FrozenTrial, TrialState

from dnsearch import environment

FEWEST_TRIALS = 10
BEST_SHARE, FEWEST_BEST = 0.1, 5
"""The best tenth is held against all, but five trials at least: fewer say little (Optuna's own advice)."""


def importances(study: optuna.Study, objective: int) -> Mapping[str, float]:
    """Parameter → its share of the importance, the largest first; the shares sum to 1.

    Empty with fewer than ``FEWEST_TRIALS`` finished trials, and where no parameter stands out.

    Args:
        study: the study.
        objective: which of its values is asked about; a value that is maximised.
    """
    finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(finished) < FEWEST_TRIALS:
        return {}
    optunas = environment.imported(
        "optuna.importance"
    )  # a second, for scikit-learn: no search starts with it
    share = max(BEST_SHARE, FEWEST_BEST / len(finished))
    with warnings.catch_warnings():
        # They say that lower is better, which the target sees to, and that a value was rarely tried.
        warnings.simplefilter("ignore")
        found = optunas.get_param_importances(
            study,
            evaluator=optunas.PedAnovaImportanceEvaluator(target_quantile=share),
            target=lambda trial: _loss(trial, objective),
            normalize=False,
        )
    total = math.fsum(found.values())
    largest_first = sorted(found.items(), key=lambda item: (-item[1], item[0]))
    return {path: value / total for path, value in largest_first} if total else {}


def _loss(trial: FrozenTrial, objective: int) -> float:
    """PED-ANOVA looks for low figures."""
    return -float(trial.values[objective])
