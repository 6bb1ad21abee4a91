"""What a ``tune`` section may search: checked before anything is trained."""

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec.document import parse

HEAD = "version: 1\nextends: starter\ntune:\n  parameters:\n"


def refused(line: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse(f"{HEAD}    {line}\n".encode(), "s.yaml")
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "network.growth_rate: {int: [1, 24], step: 1}",
        "network.growth_rate: [8, [4, 12], [12, 4]]",
        # of the wrong length alone: another searched field may bring the other number of blocks
        "network.growth_rate: [[4, 8, 12]]",
        "network.layers_per_block: [[2, 2], [3, 3, 3]]",
        "network.connectivity: [dense, log, harmonic, chain]",
        "network.connectivity: [{name: window, size: 4}, {name: random, probability: 0.5}, [log, dense]]",
        "network.connectivity: [{output: rule}, {name: harmonic, width_multiplier: 1.7}]",
        "network.connectivity.output: [all, rule, odd_and_last]",
        "network.cross_block: [null, all, non_adjacent, {links: all, downsampling: conv3x3}]",
        "network.head: [last_block, all_blocks]",
        "network.head.reads: [last_block, all_blocks]",
        "network.alpha.layers: [0.0, [0.0, 0.1]]",
        "network.compression: [null, 0.5]",
        "network.dropout: [0.0, [0.1, 0.2]]",
        "network.pooling: [avg, max, both, conv]",
        "network.family: [densenet, unet]",
        "network.pooling: [avg, max]",
        "network.bottleneck_width: [null, 4]",
        # leaky_relu alone lacks its alpha, which another searched field may bring
        "network.activation: [relu, leaky_relu]",
        "network.alpha: [null, 0.1]",
        "training.optimizer: [sgd, {name: adamw, weight_decay: 0.05}]",
        "training.optimizer.momentum: {float: [0.0, 0.99]}",
        "training.learning_rate: {float: [1e-4, 1e-1], log: true}",
        "training.augmentation.crop: {int: [0, 4]}",
        "training.augmentation.mixup: {float: [0.0, 1.0]}",
        "training.augmentation.flip: [null, horizontal]",
        "training.augmentation.erasing.probability: {float: [0.0, 0.5]}",
        "training.augmentation.rand_augment: [null, {operations: 1, magnitude: 4.0}]",
        "training.augmentation: [null, {crop: 1}, {crop: 2, cutout: 3}]",
    ],
)
def test_accepted(line):
    assert parse(f"{HEAD}    {line}\n".encode(), "s.yaml").experiment.tune


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ("network.growth_rate: {int: [0, 24]}", "5:33", "expected a whole number from 1 to 1024, found 0"),
        ("network.pooling: [avg, mx]", "5:28", "expected avg, max, both or conv, found mx"),
        (
            "network.layers_per_block: [[2, 2], [3, 0]]",
            "5:40",
            "expected a whole number from 1 to 256, found 0",
        ),
        ("network.growth_rate: [[4, 0]]", "5:27", "expected a whole number from 1 to 1024, found 0"),
        (
            "network.growth_rate: [x]",
            "5:27",
            "expected a whole number from 1 to 1024 or a list of 1 to 8 values",
        ),
        ("network.connectivity: [log, lgo]", "5:33", "found lgo"),
        ("network.connectivity: [[log, lgo]]", "5:28", "found lgo"),
        ("network.connectivity: [{name: window}]", "5:28", "missing: a whole number from 1 to 256"),
        ("network.connectivity: [{name: log, size: 4}]", "5:28", "size belongs to window."),
        ("network.cross_block: [none]", "5:27", "expected all or non_adjacent or a mapping with links"),
        ("network.head: [blocks]", "5:20", "expected last_block or all_blocks or a mapping with reads"),
        ("network.family: [densenet, vgg]", "5:32", "expected densenet or unet, found vgg"),
        ("network.channels: [[8, 16]]", "5:24", "channels belongs to unet."),
        ("network.growth: [4]", "5:5", "field of network or training; did you mean network.growth_rate?"),
        ("data.split_seed: [4]", "5:5", "expected the path of a field of network or training"),
        ("network: [4]", "5:5", "expected the path of a field of network or training"),
        (
            "training.learning_rate: {float: [0.0, 0.1]}",
            "5:38",
            "expected a number above 0 and at most 100, found 0.0",
        ),
        (
            "network.growth_rate: {int: [24, 4]}",
            "5:32",
            "expected [low, high] with low below high, found [24, 4]",
        ),
        (
            "training.learning_rate: {float: [0.0, 1.0], log: true}",
            "5:37",
            "a low above 0, since log is true",
        ),
        ("network.growth_rate: {int: [4, 8], step: 2, log: true}", "5:46", "no step together with log: true"),
        (
            "training.label_smoothing: {float: [0, 0.2], step: 1e-300}",
            "5:55",
            "at most 1,000,000,000,000,000 steps from low to high, found 1e-300",
        ),
        (
            "training.label_smoothing: {float: [0, 0.2], step: 5e-324}",
            "5:55",
            "at most 1,000,000,000,000,000 steps from low to high, found 5e-324",
        ),
        ("network.growth_rate: []", "5:26", "expected a list of 1 to 1000 values, found []"),
        (
            "network.growth_rate: 4",
            "5:26",
            "expected a list of 1 to 1000 values or a mapping with choices or when",
        ),
        ("network.growth_rate: {ints: [4, 8]}", "5:26", "a mapping with int, step, log or when"),
    ],
)
def test_refused(line, place, said):
    found = refused(line)
    assert found.startswith(f"s.yaml:{place}  tune.parameters.{line.partition(':')[0]}")
    assert said in found


def test_a_growth_rate_that_match_solves_for_is_not_searched():
    match = "match: {parameters: 20000}\n"
    with pytest.raises(SpecError) as caught:
        parse(f"{match}{HEAD}    network.growth_rate: {{int: [4, 8]}}\n".encode(), "s.yaml")
    assert str(caught.value).startswith(
        "s.yaml:6:5  tune.parameters.network.growth_rate\n  match solves for it"
    )
    parse(f"{match}{HEAD}    network.growth_rate: [[4, 8], [8, 8]]\n".encode(), "s.yaml")


def test_every_problem_at_once():
    lines = "    network.pooling: [avg, mx]\n    network.growth_rate: {int: [0, 24]}\n"
    with pytest.raises(SpecError) as caught:
        parse(f"{HEAD}{lines}".encode(), "s.yaml")
    assert [problem.place.line for problem in caught.value.problems] == [5, 6]


def test_a_bad_range_hides_nothing_else():
    lines = (
        "    network.growth_rate: {int: [9, 2]}\n"
        "    network.grwth: {int: [2, 4]}\n"
        "    network.pooling: [avg, mx]\n"
        "    training.learning_rate: {float: [0.1, 0.2], stp: 0.1}\n"
        "    trainig.epochs: {int: [3, 1]}\n"
    )
    with pytest.raises(SpecError) as caught:
        parse(f"{HEAD}{lines}".encode(), "s.yaml")
    found = [(problem.place.line, str(problem).splitlines()[1].strip()) for problem in caught.value.problems]
    assert [line for line, _ in found] == [5, 6, 7, 8, 9, 9]
    assert found[0][1] == "expected [low, high] with low below high, found [9, 2]"
    assert found[1][1].endswith("field of network or training; did you mean network.growth_rate?")
    assert found[2][1] == "expected avg, max, both or conv, found mx"
    assert found[4][1].startswith("expected the path of a field of network or training")


def test_what_hangs_on_a_wrong_parameter_is_not_judged_without_it():
    lines = (
        "    network.connectivity: {choices: {sparse: {name: strided, stride: 2}}, whn: {}}\n"
        "    network.connectivity.stride: {int: [2, 4], when: {network.connectivity: sparse}}\n"
    )
    with pytest.raises(SpecError) as caught:
        parse(f"{HEAD}{lines}".encode(), "s.yaml")
    assert {problem.place.line for problem in caught.value.problems} == {5}


def test_a_wrong_network_hides_no_unknown_parameter_and_is_told_once():
    text = "version: 1\nextends: starter\nnetwork: {growth_rate: 0}\ntune:\n  parameters:\n"
    lines = "    network.grwth: [2, 4]\n    network.growth_rate: [0, 4]\n"
    with pytest.raises(SpecError) as caught:
        parse(f"{text}{lines}".encode(), "s.yaml")
    assert [problem.place.line for problem in caught.value.problems] == [3, 6]


def tuned(parameters: str, rest: str = "") -> str:
    return f"{HEAD}{parameters}{rest}"


CONNECTED = """\
    network.connectivity: {choices: {all: dense, sparse: {name: strided, stride: 2}}}
    network.growth_rate: {int: [4, 16], step: 4}
"""


@pytest.mark.parametrize(
    "line",
    [
        "network.connectivity.stride: {int: [2, 4], when: {network.connectivity: sparse}}",
        "network.pooling: {choices: [avg, max], when: {network.growth_rate: {at_least: 8, at_most: 12}}}",
        "network.pooling: {choices: [avg, max], when: {network.growth_rate: [4, 16]}}",
        "network.pooling: {choices: [avg, max], when: {any: [{network.growth_rate: 4}, "
        "{all: [{network.connectivity: all}, {network.growth_rate: {at_least: 8}}]}]}}",
        "network.layers_per_block.0: {int: [2, 6]}",
        # without when: what does not fit is refused when it is proposed
        "network.connectivity.stride: {int: [2, 4]}",
    ],
)
def test_conditions_labels_and_positions_are_accepted(line):
    assert parse(tuned(CONNECTED, f"    {line}\n").encode(), "s.yaml").experiment.tune


@pytest.mark.parametrize(
    ("line", "where", "said"),
    [
        (
            "network.connectivity.stride: {int: [0, 4], when: {network.connectivity: sparse}}",
            "network.connectivity.stride",
            "expected a whole number from 1 to 256, found 0",
        ),
        (
            "network.connectivity.stride: {int: [2, 4], when: {network.connectivity: all}}",
            "network.connectivity.stride",
            "stride belongs to strided.",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {network.conectivity: all}}",
            "network.pooling.when.network.conectivity",
            "expected a parameter of this search; did you mean network.connectivity?",
        ),
        (
            "network.connectivity.stride: {int: [2, 4], when: {network.conectivity: sparse}}",
            "network.connectivity.stride.when.network.conectivity",
            "expected a parameter of this search; did you mean network.connectivity?",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {network.connectivity: dense}}",
            "network.pooling.when.network.connectivity",
            "expected all or sparse, found dense",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {network.growth_rate: 6}}",
            "network.pooling.when.network.growth_rate",
            "expected a number from 4 to 16 in steps of 4, found 6",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {any: [{network.growth_rate: {at_least: 20}}]}}",
            "network.pooling.when.any.0.network.growth_rate",
            "expected bounds for a number from 4 to 16 in steps of 4, found {",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {network.pooling: avg}}",
            "network.pooling.when.network.pooling",
            "expected other parameters, found the parameter itself",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {any: []}}",
            "network.pooling.when.any",
            "any: with a list of conditions, such as any: [{network.pooling: max}]",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {any: [avg]}}",
            "network.pooling.when.any.0",
            "a mapping of parameters and the labels that they shall have",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {network.growth_rate: {above: 3}}}",
            "network.pooling.when",
            "for network.growth_rate a label, a list of labels, or a mapping with at_least or at_most",
        ),
        (
            "network.pooling: {choices: [avg, max], when: {all: [{network.growth_rate: 4}, "
            "{network.growth_rate: 8}]}}",
            "network.pooling.when",
            "a condition that can hold",
        ),
        ("network.layers_per_block.2: {int: [2, 6]}", "network.layers_per_block.2", "found 2 in a list of 2"),
        ("network.dropout.0: {float: [0.0, 0.5]}", "network.dropout.0", "found 0 in no list"),
        ("network.compression: {choices: {half: 0.5, none: 0}}", "network.compression", "found 0"),
    ],
)
def test_conditions_labels_and_positions_are_refused(line, where, said):
    with pytest.raises(SpecError) as caught:
        parse(tuned(CONNECTED, f"    {line}\n").encode(), "s.yaml")
    assert caught.value.problems[0].where == f"tune.parameters.{where}"
    assert caught.value.problems[0].place.line == 7
    assert said in str(caught.value.problems[0])


def test_conditions_that_go_round_in_a_circle():
    lines = (
        "    network.pooling: {choices: [avg, max], when: {network.compression: 0.5}}\n"
        "    network.compression: {choices: [0.5, 1.0], when: {network.pooling: avg}}\n"
    )
    with pytest.raises(SpecError, match="conditions go round in a circle: network") as caught:
        parse(tuned(lines).encode(), "s.yaml")
    assert "Let one of them count always: remove its when." in str(caught.value)


def test_everything_that_does_not_fit_together_is_reported_at_once():
    lines = "  objectives: [macs]\n  pruner: none\n  fidelity: examples\n  gpus_per_trial: 1.5\n"
    with pytest.raises(SpecError) as caught:
        parse(tuned("    network.growth_rate: [8, 12]\n", lines).encode(), "s.yaml")
    assert [problem.where for problem in caught.value.problems] == [
        *("tune.objectives", "tune.fidelity", "tune.gpus_per_trial")
    ]


LAYERS = "    network.layers_per_block.0: {int: [2, 6]}\n"


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        (
            "{non_decreasing: network.pooling}",
            "fields of network or training that hold numbers, found network.pooling",
        ),
        ("{sum_at_most: {of: [network.depth], at_most: 4}}", "found network.depth"),
        ("{sum_at_most: {of: network.layers_per_block, at_most: 0}}", "expected a number above 0, found 0"),
        ("{}", "exactly one of equal, non_decreasing and sum_at_most, found none"),
        (
            "{equal: [network.growth_rate, network.layers_per_block.1]}",
            "expected a parameter of this search first, found network.growth_rate",
        ),
        (
            "{equal: [network.layers_per_block.0, network.layers_per_block.0]}",
            "after the first, fields that are not searched themselves, found network.layers_per_block.0",
        ),
        ("{equal: [network.layers_per_block.0, network.layers_per_block.7]}", "found 7 in a list of 2"),
        (
            "{equal: [network.layers_per_block.0, network.pooling]}",
            "expected avg, max, both or conv, found 2",
        ),
        ("{equal: [network.layers_per_block.0, network.blocks]}", "did you mean network.layers_per_block?"),
    ],
)
def test_relations_are_refused(relation, said):
    with pytest.raises(SpecError) as caught:
        parse(tuned(LAYERS, f"  relations: [{relation}]\n").encode(), "s.yaml")
    problem = caught.value.problems[0]
    assert problem.where.startswith("tune.relations.0")
    assert said in str(problem)
    assert problem.place.line == 6


def test_a_field_follows_one_parameter():
    follow = "{equal: [network.layers_per_block.0, network.layers_per_block.1]}"
    assert parse(tuned(LAYERS, f"  relations: [{follow}]\n").encode(), "s.yaml").experiment.tune
    with pytest.raises(SpecError, match=r"each field once, found network.layers_per_block.1 again"):
        parse(tuned(LAYERS, f"  relations: [{follow}, {follow}]\n").encode(), "s.yaml")
