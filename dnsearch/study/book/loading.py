"""Optuna's database, read sooner.

Optuna reads trials as objects of its database library, a dozen for each trial, and parses the distribution of
every parameter of every trial anew. With 10,000 trials that takes longer than all else that a search does
before its next trial, and with short trials it is most of what a coordinator does. Here the same tables are
read as plain rows; all writing is Optuna's own.
"""

import gc
import json
from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from optuna.distributions import BaseDistribution, json_to_distribution
from optuna.storages import RDBStorage
from optuna.storages._rdb import models
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

Rows = dict[int, list[Any]]
"""A trial's number in the database → its rows of one table."""


class QuickStorage(RDBStorage):
    """Optuna's storage with other reading."""

    def swap(self, name: str, new: str, old: str) -> None:
        """Give one study another one's name, in one step.

        Args:
            name: the name, which a study has.
            new: the present name of the study that shall have it.
            old: what the study that has it shall be called.
        """
        with Session(self.engine) as session, session.begin():
            for before, after in ((name, old), (new, name)):
                own = models.StudyModel
                session.execute(update(own).where(own.study_name == before).values(study_name=after))

    def _get_trials(
        self,
        study_id: int,
        states: Container[TrialState] | None,
        included_trial_ids: set[int],
        trial_id_greater_than: int,
    ) -> list[FrozenTrial]:
        if states is not None:
            return super()._get_trials(study_id, states, included_trial_ids, trial_id_greater_than)
        own = models.TrialModel.trial_id
        wanted = or_(own > trial_id_greater_than, own.in_(sorted(included_trial_ids)))
        with Session(self.engine) as session:
            return _trials(session, and_(models.TrialModel.study_id == study_id, wanted))


@contextmanager
def without_collector() -> Iterator[None]:
    """Make many objects that stay, in a block in which the garbage collector does not walk over them."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()  # nor later: none of them is garbage


def _trials(session: Session, wanted: ColumnElement[bool]) -> list[FrozenTrial]:
    """The trials that are wanted, in the order of their numbers in the database."""
    own = models.TrialModel
    found: Sequence[Any] = session.scalars(select(own).where(wanted).order_by(own.trial_id)).all()
    parts = [_rows(session, wanted, table) for table in TABLES] if found else []
    distribution = cache(json_to_distribution)  # of many trials, a few different ones
    return [_trial(trial, [part[trial.trial_id] for part in parts], distribution) for trial in found]


TABLES = (
    (models.TrialParamModel, ("param_name", "param_value", "distribution_json"), "param_id"),
    (models.TrialValueModel, ("value", "value_type"), "objective"),
    (models.TrialUserAttributeModel, ("key", "value_json"), "trial_user_attribute_id"),
    (models.TrialSystemAttributeModel, ("key", "value_json"), "trial_system_attribute_id"),
    (
        models.TrialIntermediateValueModel,
        ("step", "intermediate_value", "intermediate_value_type"),
        "step",
    ),
)
"""What a trial consists of: the table, its columns and what they are put in order by."""


def _rows(session: Session, wanted: ColumnElement[bool], table: tuple[Any, tuple[str, ...], str]) -> Rows:
    model, columns, order = table
    query = select(model.trial_id, *(getattr(model, column) for column in columns))
    query = query.join(models.TrialModel, models.TrialModel.trial_id == model.trial_id)
    query = query.where(wanted).order_by(getattr(model, order))
    rows: Rows = defaultdict(list)
    for trial_id, *values in session.execute(query):
        rows[trial_id].append(values)
    return rows


def _trial(
    row: Any,  # noqa: ANN401  (a TrialModel, whose columns are typed as columns)
    parts: list[list[Any]],
    distribution: Callable[[str], BaseDistribution],
) -> FrozenTrial:
    params, values, user_attributes, system_attributes, intermediate = parts
    distributions = {name: distribution(text) for name, _, text in params}
    value_of = models.TrialValueModel.stored_repr_to_value
    intermediate_of = models.TrialIntermediateValueModel.stored_repr_to_intermediate_value
    return FrozenTrial(
        number=row.number,
        state=row.state,
        value=None,
        values=[value_of(*value) for value in values] or None,
        datetime_start=row.datetime_start,
        datetime_complete=row.datetime_complete,
        params={name: distributions[name].to_external_repr(value) for name, value, _ in params},
        distributions=distributions,
        user_attrs={key: json.loads(text) for key, text in user_attributes},
        system_attrs={key: json.loads(text) for key, text in system_attributes},
        intermediate_values={step: intermediate_of(*value) for step, *value in intermediate},
        trial_id=row.trial_id,
    )
