"""Recipes: what goes over what, and where problems point."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec import presets
from dnsearch.spec.document import load, parse, resolved_yaml
from dnsearch.spec.training import Training

NETWORK = "version: 1\nnetwork: {growth_rate: 4, layers_per_block: [1]}\ndata: {source: digits}\n"


def training(section: str, *overrides: str, more: str = NETWORK) -> Training:
    return parse(f"{more}training: {section}\n".encode(), "a.yaml", overrides).experiment.training


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_recipe_is_a_whole_training(name: str) -> None:
    assert presets.recipe_content(name).startswith(b"# ")
    assert training(f"{{recipe: {name}}}").recipe == name


def test_the_paper_s_recipe_is_what_the_papers_presets_say() -> None:
    preset = load("densenet-bc-100-12").experiment.training
    assert training("{recipe: paper-cifar}").model_copy(update={"recipe": None}) == preset


def test_the_spec_s_own_values_win() -> None:
    found = training("{recipe: fast, epochs: 7, optimizer: {momentum: 0.8}, schedule: cosine, ema: null}")
    assert (found.epochs, found.optimizer.momentum, found.optimizer.decayed) == (7, 0.8, "kernels")
    assert (found.schedule.name, found.ema, found.label_smoothing) == ("cosine", None, 0.1)


def test_another_optimizer_keeps_nothing_of_the_recipe_s() -> None:
    found = training("{recipe: fast, optimizer: adamw, learning_rate: 0.002}").optimizer
    assert (found.name, found.weight_decay, found.decayed) == ("adamw", 0.01, "all")


def test_a_recipe_goes_over_what_its_file_extends() -> None:
    extends = "version: 1\nextends: densenet-bc-100-12\n"
    found = training("{recipe: fast, batch_size: 32}", more=extends)
    assert (found.epochs, found.learning_rate, found.batch_size) == (30, 0.2, 32)
    assert found.schedule.name == "one_cycle"


def test_what_extends_a_recipe_goes_over_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"{NETWORK}training: {{recipe: fast}}\n", encoding="utf-8")
    (tmp_path / "top.yaml").write_text("extends: base.yaml\ntraining: {epochs: 3}\n", encoding="utf-8")
    found = load(str(tmp_path / "top.yaml")).experiment.training
    assert (found.recipe, found.epochs, found.label_smoothing) == ("fast", 3, 0.1)


def test_a_recipe_on_the_command_line_goes_over_the_file() -> None:
    found = training(
        "{epochs: 5, learning_rate: 1}", "training.epochs=9", "training.recipe=fast", "training.ema=0.5"
    )
    assert (found.epochs, found.learning_rate, found.ema.decay) == (9, 0.2, 0.5)


def test_a_trial_s_recipe_goes_over_the_file() -> None:
    document = parse(f"{NETWORK}training: {{epochs: 5, learning_rate: 1}}\n".encode(), "a.yaml")
    changed = document.with_values({"training.recipe": "fast", "training.batch_size": 8}, "trial 1")
    found = changed.experiment.training
    assert (found.epochs, found.learning_rate, found.batch_size) == (30, 0.2, 8)


def test_a_later_trial_does_not_bring_the_recipe_back() -> None:
    document = parse(f"{NETWORK}training: {{recipe: fast, epochs: 5}}\n".encode(), "a.yaml")
    found = document.with_values({"training.learning_rate": 0.01}, "trial 1").experiment.training
    assert (found.epochs, found.learning_rate) == (5, 0.01)


def test_the_resolved_spec_reads_back_as_the_same() -> None:
    experiment = parse(f"{NETWORK}training: {{recipe: fast, ema: null}}\n".encode(), "a.yaml").experiment
    assert parse(resolved_yaml(experiment).encode(), "a.yaml").experiment == experiment


def test_recipes_can_be_searched() -> None:
    more = "tune: {parameters: {training.recipe: [paper-cifar, fast]}}\n"
    assert training("{epochs: 1, learning_rate: 1}", more=NETWORK + more).recipe is None


def test_an_unknown_recipe() -> None:
    with pytest.raises(SpecError) as caught:
        training("{recipe: quick, epochs: 1, learning_rate: 1}")
    (problem,) = caught.value.problems
    assert problem.where == "training.recipe"
    assert problem.expected.startswith("paper-cifar")
    assert str(problem.place) == "a.yaml:4:20"


def test_what_a_misspelt_recipe_would_have_said_is_not_missing() -> None:
    with pytest.raises(SpecError) as caught:
        training("{recipe: paper_cifar}")
    assert [problem.where for problem in caught.value.problems] == ["training.recipe"]


def test_a_problem_in_what_stands_beside_a_recipe_points_there() -> None:
    with pytest.raises(SpecError) as caught:
        training("{recipe: fast, batch_size: 0}")
    (problem,) = caught.value.problems
    assert (problem.where, str(problem.place)) == ("training.batch_size", "a.yaml:4:38")


def test_rules_of_the_training_section(minimal: str, refused: Callable[[str], SpecError]) -> None:
    text = f"{minimal}  schedule: one_cycle\n  warmup_epochs: 1\n  batch_size: 4\n  accumulate: 5\n"
    warmup, parts = refused(text).problems
    assert (warmup.where, str(warmup.place)) == ("training.warmup_epochs", "a.yaml:11:18")
    assert warmup.expected == "0 with one_cycle, which rises by itself"
    assert (warmup.found, warmup.hint) == ("1", "Set schedule.peak_at instead.")
    assert (parts.where, parts.expected) == ("training.accumulate", "at most batch_size, 4")
    assert (parts.found, str(parts.place)) == ("5", "a.yaml:13:15")
    (both,) = refused(f"{minimal}  xla: on\n  deterministic: true\n").problems
    assert (both.where, both.expected, both.found) == (
        "training.xla",
        "auto or off with deterministic: true",
        "on",
    )
    assert (both.hint, str(both.place)) == ("XLA does not promise the same bits.", "a.yaml:10:8")


@pytest.mark.parametrize("weights", ["balanced", "{cat: 2.0, '3': 0.5}"])
def test_class_weights(weights: str) -> None:
    found = training(f"{{epochs: 1, learning_rate: 1, class_weights: {weights}}}").class_weights
    assert found == ("balanced" if weights == "balanced" else {"cat": 2.0, "3": 0.5})


@pytest.mark.parametrize("weights", ["even", "{cat: -1}", "{}", "[1, 2]"])
def test_wrong_class_weights(weights: str) -> None:
    with pytest.raises(SpecError) as caught:
        training(f"{{epochs: 1, learning_rate: 1, class_weights: {weights}}}")
    assert all(problem.where.startswith("training.class_weights") for problem in caught.value.problems)
