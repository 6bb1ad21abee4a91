"""From the tune section to values for a spec."""

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from dnsearch.search.parameter_space import base_labels, suggested
from dnsearch.spec.document import fingerprint
from dnsearch.spec.tune import Tune
from dnsearch.spec.tune.parameters import encoded, highest
from dnsearch.spec.tune.search_space import every_label

optuna.logging.set_verbosity(optuna.logging.ERROR)


def tune(**parameters):
    return Tune.model_validate({"parameters": parameters}, strict=False)


def asked(parameters, **enqueued):
    """A trial of a study in memory, with what it was told to propose."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(enqueued)
    trial = study.ask()
    return suggested(trial, Tune(parameters=parameters)).values, trial.distributions


def test_an_int_range_with_a_step():
    values, distributions = asked(tune(k={"int": [4, 24], "step": 4}).parameters, k=8)
    assert values == {"k": 8}
    assert isinstance(values["k"], int)
    assert distributions == {"k": IntDistribution(4, 24, step=4)}


def test_an_int_range_in_the_logarithm():
    _, distributions = asked(tune(k={"int": [1, 100], "log": True}).parameters)
    assert distributions == {"k": IntDistribution(1, 100, log=True)}


def test_a_float_range_in_the_logarithm():
    _, distributions = asked(tune(rate={"float": [1e-4, 0.1], "log": True}).parameters)
    assert distributions == {"rate": FloatDistribution(1e-4, 0.1, log=True)}


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [(4, 15, 4, 12), (4, 16, 4, 16), (0.0, 1.0, 0.3, 0.9), (0.1, 0.7, 0.2, 0.7), (0.0, 0.3, 0.1, 0.3)],
)
def test_a_range_ends_at_its_last_step(low, high, step, expected):
    # Optuna would warn, in the middle of the live display, about a range that is no multiple of its step.
    kind = "int" if isinstance(low, int) else "float"
    values, distributions = asked(tune(x={kind: [low, high], "step": step}).parameters, x=expected)
    assert values == {"x": expected}
    assert distributions["x"].high == expected
    assert highest(low, high, step) == expected


def test_choices_that_are_lists_and_mappings_come_back_as_they_were():
    choices = [[2, 2], [4, 4], {"name": "adam", "beta_1": 0.8}, "sgd", None, True, 3, 0.5]
    parameters = tune(x=choices).parameters
    for choice in choices:
        values, distributions = asked(parameters, x=encoded(choice))
        found = values["x"]
        assert (list(found) if isinstance(found, tuple) else found) == choice
        assert isinstance(distributions["x"], CategoricalDistribution)


def test_what_optuna_stores_is_a_scalar():
    assert encoded([2, 2]) == encoded((2, 2)) == "[2, 2]"
    assert encoded({"name": "adam"}) == '{"name": "adam"}'
    assert [encoded(value) for value in ("avg", 4, 0.5, True, None)] == ["avg", 4, 0.5, True, None]


def own(tiny, values=None, **parameters):
    document = tiny(values, parameters={path.replace("__", "."): each for path, each in parameters.items()})
    return base_labels(document, document.experiment.tune)


def test_the_base_value_is_found_among_choices(tiny):
    assert own(tiny, network__pooling=["max", "avg"]) == {"network.pooling": "avg"}


def test_the_base_value_is_found_in_a_range(tiny):
    assert own(tiny, network__growth_rate={"int": [2, 8]}) == {"network.growth_rate": 4}
    assert own(tiny, training__learning_rate={"float": [0.01, 0.2]}) == {"training.learning_rate": 0.1}


def test_a_list_is_found_among_lists(tiny):
    found = own(tiny, network__layers_per_block=[[2, 2], [1, 1]])
    assert found == {"network.layers_per_block": "[1, 1]"}


@pytest.mark.parametrize("searched", [{"int": [5, 8]}, {"int": [2, 8], "step": 3}, [2, 8]])
def test_a_base_value_outside_the_space_is_left_out(tiny, searched):
    assert own(tiny, network__growth_rate=searched) == {}


def test_a_base_value_on_the_grid_of_a_float_range(tiny):
    on = {"float": [0.1, 0.7], "step": 0.2}
    assert own(tiny, {"training.learning_rate": 0.3}, training__learning_rate=on)
    assert not own(tiny, {"training.learning_rate": 0.4}, training__learning_rate=on)


LEAKY = {"network.activation": "leaky_relu"}


def test_alpha_as_one_number_is_found_in_a_range(tiny):
    alpha = {"float": [0.0, 0.3]}
    assert own(tiny, {**LEAKY, "network.alpha": 0.1}, network__alpha=alpha) == {"network.alpha": 0.1}


def test_alpha_that_differs_from_place_to_place_is_not_one_number(tiny):
    alpha = {"stem": 0.1, "layers": 0.0, "transitions": 0.0, "head": 0.0}
    assert own(tiny, {**LEAKY, "network.alpha": alpha}, network__alpha={"float": [0.0, 0.3]}) == {}


def test_an_optimizer_by_its_name_alone(tiny):
    values = {"training.optimizer": "adam"}
    assert own(tiny, values, training__optimizer=["sgd", "adam"]) == {"training.optimizer": "adam"}


def test_an_optimizer_as_a_mapping(tiny):
    slow = {"name": "sgd", "momentum": 0.5}
    found = own(tiny, {"training.optimizer": slow}, training__optimizer=["adam", slow])
    assert found == {"training.optimizer": encoded(slow)}


def test_a_choice_that_the_base_spec_cannot_have_is_not_its_own(tiny):
    # leaky_relu needs alpha, which this base has not: the choice must not end the search before it begins.
    assert own(tiny, network__activation=["leaky_relu", "relu"]) == {"network.activation": "relu"}


def test_laying_the_base_values_over_the_base_changes_nothing(tiny):
    document = tiny(parameters={"network.growth_rate": {"int": [2, 4]}, "network.pooling": ["max", "avg"]})
    values = base_labels(document, document.experiment.tune)
    again = document.with_values(values, "trial 0")
    assert len(values) == 2
    assert fingerprint(again.experiment) == fingerprint(document.experiment)


SPARSE = {"name": "strided", "stride": 2}
WIRED = {
    "network.connectivity": {
        "choices": {"all": "dense", "sparse": SPARSE, "drawn": {"name": "random", "probability": 0.5}}
    },
    "network.connectivity.stride": {"int": [2, 4], "when": {"network.connectivity": "sparse"}},
    "network.connectivity.probability": {"float": [0.2, 0.8], "when": {"network.connectivity": "drawn"}},
    "network.layers_per_block.0": {"int": [1, 3]},
    "network.layers_per_block.1": {"int": [1, 3], "when": {"network.layers_per_block.0": {"at_least": 2}}},
}


@pytest.mark.parametrize(
    ("connectivity", "expected"),
    [
        ("dense", {"network.connectivity": "all"}),
        (
            {"name": "strided", "stride": 3},
            {"network.connectivity": "sparse", "network.connectivity.stride": 3},
        ),
        # beyond what is searched: the pattern is known, its stride is not
        ({"name": "strided", "stride": 5}, {"network.connectivity": "sparse"}),
        (
            {"name": "random", "probability": 0.3},
            {"network.connectivity": "drawn", "network.connectivity.probability": 0.3},
        ),
        ("log", {}),
    ],
)
def test_a_section_of_the_base_is_known_by_its_label_and_the_fields_in_it(tiny, connectivity, expected):
    document = tiny({"network.connectivity": connectivity}, parameters=WIRED)
    found = base_labels(document, document.experiment.tune)
    assert found.pop("network.layers_per_block.0") == 1
    assert found == expected, "the second block counts only where the first has two layers"


def test_what_does_not_count_is_not_asked_for():
    parameters = tune(**WIRED).parameters
    values, distributions = asked(
        parameters,
        **{
            "network.connectivity": "sparse",
            "network.connectivity.stride": 4,
            "network.layers_per_block.0": 1,
        },
    )
    assert values == {
        "network.connectivity": SPARSE,
        "network.connectivity.stride": 4,
        "network.layers_per_block.0": 1,
    }
    assert set(distributions) == set(values)


def test_the_label_is_what_optuna_stores():
    _, distributions = asked(tune(**WIRED).parameters, **{"network.connectivity": "all"})
    assert distributions["network.connectivity"] == CategoricalDistribution(["all", "sparse", "drawn"])


def test_equal_fields_follow_a_parameter(tiny):
    layers = [f"network.layers_per_block.{block}" for block in range(2)]
    document = tiny(parameters={layers[0]: {"int": [1, 3]}}, relations=[{"equal": layers}])
    study = optuna.create_study()
    study.enqueue_trial({layers[0]: 3})
    choice = suggested(study.ask(), document.experiment.tune)
    assert choice.labels == {layers[0]: 3}
    assert choice.values == {layers[0]: 3, layers[1]: 3}
    assert document.with_values(choice.values, "trial").experiment.network.layers_per_block == (3, 3)


TENTHS = {"float": [0.1, 0.3], "step": 0.1}
TWENTIETHS = {"float": [0.05, 0.5], "step": 0.05}


@pytest.mark.parametrize(
    ("value", "searched", "label"),
    [
        (0.15000000000000002, TWENTIETHS, 0.15),
        (0.15, TWENTIETHS, 0.15),
        (0.30000000000000004, TENTHS, 0.3),  # beyond the end, to a computer
        (0.09999999999999999, TENTHS, 0.1),
        (0.1500001, TWENTIETHS, None),
        (0.55, TWENTIETHS, None),
    ],
)
def test_arithmetic_leads_no_base_value_out_of_the_space(tiny, value, searched, label):
    found = own(tiny, {"training.learning_rate": value}, training__learning_rate=searched)
    assert found == ({} if label is None else {"training.learning_rate": label})


def test_a_value_is_the_one_that_a_person_would_write(tiny):
    searched = tune(x={"float": [0.1, 0.7], "step": 0.1}, y={"float": [0.0, 1.0], "when": {"x": 0.3}})
    values, _ = asked(searched.parameters, x=0.30000000000000004, y=0.5)
    assert values == {"x": 0.3, "y": 0.5}, "and what a condition asks for"
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    proposed = {suggested(study.ask(), searched).values["x"] for _ in range(60)}
    assert proposed == {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7}


def test_a_grid_has_each_value_once():
    assert [*every_label(tune(x={"float": [0.0, 2.1], "step": 0.7}).parameters["x"])] == [0.0, 0.7, 1.4, 2.1]
