"""What a study knows of itself, so that a worker on another machine needs its name and its database alone."""

from dataclasses import dataclass, replace

import optuna

from dnsearch.errors import Problem, StudyError
from dnsearch.spec.document import Document, parse, resolved_yaml
from dnsearch.spec.tune import Tune

TERMS = "dnsearch:document"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a study is about.

    Args:
        document: the base spec.
        tune: its ``tune`` section.
        image_shape: (height, width, channels) of its images.
        classes: number of its classes.
        trials: ended trials that the study shall have in all.
        limits: whether the spec's limits hold.
        artifacts: the artifact store that trials are sent to; None where the folder of runs is shared.
    """

    document: Document
    tune: Tune
    image_shape: tuple[int, ...]
    classes: int
    trials: int
    limits: bool = True
    artifacts: str | None = None


def keep(study: optuna.Study, terms: Terms) -> None:
    """Write the terms into the study, unless they stand there already.

    Args:
        study: the study.
        terms: what it is about; without ``artifacts``, those that it has stay.
    """
    if terms.artifacts is None:
        terms = replace(terms, artifacts=study.user_attrs.get(TERMS, {}).get("artifacts"))
    written = {
        "written": terms.document.text,
        "resolved": resolved_yaml(terms.document.experiment),
        "image_shape": list(terms.image_shape),
        "classes": terms.classes,
        "trials": terms.trials,
        "limits": terms.limits,
        "artifacts": terms.artifacts,
    }
    if study.user_attrs.get(TERMS) != written:
        study.set_user_attr(TERMS, written)


def read(study: optuna.Study) -> Terms:
    """The terms that a study was made with.

    Raises:
        StudyError: it was made by something else than dnsearch.
    """
    written = study.user_attrs.get(TERMS)
    # The resolved spec stands alone; what the written one extends may lie on another machine.
    document = parse(written["resolved"].encode(), f"study {study.study_name}") if written else None
    if written is None or document is None or document.experiment.tune is None:
        expected = "a study made by dnsearch, with its spec inside"
        hint = "Make it with: dnsearch tune SPEC --storage URL --create"
        raise StudyError(str(Problem(f"study {study.study_name}", expected, "one without", hint)))
    return Terms(
        document=replace(document, text=written["written"]),
        tune=document.experiment.tune,
        image_shape=tuple(written["image_shape"]),
        classes=written["classes"],
        trials=written["trials"],
        limits=written["limits"],
        artifacts=written["artifacts"],
    )
