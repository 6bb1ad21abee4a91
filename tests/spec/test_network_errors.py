"""What a person reads when the ``network``, ``match`` or ``limits`` section is wrong, field by field."""

from collections.abc import Callable

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec.document import load, parse

Refused = Callable[[str], SpecError]

GROWTH = "a whole number from 1 to 1024 or a list of 1 to 8 values"
PATTERNS = "dense, log, harmonic or chain"
NAMED = "a mapping with name: dense, log, harmonic, window, chain, strided, random or explicit"
ACTIVATIONS = "relu, leaky_relu, prelu, elu, gelu, silu or mish"
CROSS_BLOCK = "all or non_adjacent or a mapping with links, downsampling or compression or null"
PER_BLOCK = "one value, or a list of 2, one for each block"
HEAD = "last_block or all_blocks or a mapping with reads or activation"


def spec(network: str) -> str:
    """A spec whose network stands on its second line; what it needs comes first, unless it is given."""
    needed = {"growth_rate": "12", "layers_per_block": "[2, 2]"}
    before = "".join(f"{key}: {value}, " for key, value in needed.items() if f"{key}:" not in network)
    return f"version: 1\nnetwork: {{{before}{network}}}\ndata: {{source: digits}}\n" + (
        "training: {epochs: 2, learning_rate: 0.1}\n"
    )


def said(error: SpecError) -> list[str]:
    """Path and first sentence of every problem, one line each."""
    lines = [str(each).split("  ", 1)[1].splitlines() for each in error.problems]
    return [f"{path} |{sentence[1:]}" for path, sentence, *_ in lines]


def pointed_at(error: SpecError) -> str:
    """What the caret of the first problem stands under."""
    place = error.problems[0].place
    assert place
    line = place.text.splitlines()[place.line - 1]
    return line[place.column - 1 : place.column - 1 + place.width]


# One field


@pytest.mark.parametrize(
    ("network", "at", "message"),
    [
        ("growth_rate: [12, 0]", "0", "growth_rate.1 | expected a whole number from 1 to 1024, found 0"),
        ("growth_rate: [12, x]", "x", "growth_rate.1 | expected a whole number from 1 to 1024, found x"),
        ("growth_rate: [0]", "0", "growth_rate.0 | expected a whole number from 1 to 1024, found 0"),
        (
            "layers_per_block: [257]",
            "257",
            "layers_per_block.0 | expected a whole number from 1 to 256, found 257",
        ),
        ("bottleneck_width: 65", "65", "bottleneck_width | expected a whole number from 1 to 64, found 65"),
        (
            "bottleneck_width: none",
            "none",
            "bottleneck_width | expected a whole number from 1 to 64 or a list of 1 to 8 values or null, "
            "found none",
        ),
        (
            "bottleneck_width: [4, 0]",
            "0",
            "bottleneck_width.1 | expected a whole number from 1 to 64, found 0",
        ),
        (
            "bottleneck_width: [4, x]",
            "x",
            "bottleneck_width.1 | expected a whole number from 1 to 64 or null, found x",
        ),
        ("dropout: 1", "1", "dropout | expected a number of at least 0 and below 1, found 1"),
        ("dropout: [0.1, 1]", "1", "dropout.1 | expected a number of at least 0 and below 1, found 1"),
        ("compression: 0", "0", "compression | expected a number above 0 and at most 1, found 0"),
        ("compression: no", "no", "compression | expected a number above 0 and at most 1 or null, found no"),
        ("pooling: min", "min", "pooling | expected avg, max, both or conv, found min"),
        ("activation: swish", "swish", f"activation | expected {ACTIVATIONS}, found swish"),
        ("dropout_after: all", "all", "dropout_after | expected growth or every, found all"),
        ("family: vgg", "vgg", "family | expected densenet or unet, found vgg"),
        # connectivity
        (
            "connectivity: lgo",
            "lgo",
            f"connectivity | expected {PATTERNS} or a list of 1 to 8 values or {NAMED}, found lgo",
        ),
        (
            "connectivity: null",
            "null",
            f"connectivity | expected {PATTERNS} or a list of 1 to 8 values or {NAMED}, found null",
        ),
        ("connectivity: [log, lgo]", "lgo", f"connectivity.1 | expected {PATTERNS} or {NAMED}, found lgo"),
        ("connectivity: []", "[", "connectivity | expected a list of 1 to 8 values, found []"),
        ("connectivity: {name: lgo}", "{", f'connectivity | expected {NAMED}, found {{"name": "lgo"}}'),
        ("connectivity: window", "window", "connectivity.size | missing: a whole number from 1 to 256"),
        (
            "connectivity: [log, strided]",
            "strided",
            "connectivity.1.stride | missing: a whole number from 1 to 256",
        ),
        ("connectivity: random", "random", "connectivity.probability | missing: a number from 0 to 1"),
        ("connectivity: explicit", "explicit", "connectivity.layers | missing: a list of 1 to 257 values"),
        (
            "connectivity: {name: window, size: 257}",
            "257",
            "connectivity.size | expected a whole number from 1 to 256, found 257",
        ),
        (
            "connectivity: {name: strided, stride: 0}",
            "0",
            "connectivity.stride | expected a whole number from 1 to 256, found 0",
        ),
        (
            "connectivity: {name: random, probability: 1.1}",
            "1.1",
            "connectivity.probability | expected a number from 0 to 1, found 1.1",
        ),
        (
            "connectivity: {name: random, probability: 1, seed: -1}",
            "-1",
            "connectivity.seed | expected a whole number of at least 0 and below 4294967296, found -1",
        ),
        (
            "connectivity: {name: harmonic, width_multiplier: 5}",
            "5",
            "connectivity.width_multiplier | expected a number from 1 to 4, found 5",
        ),
        (
            "connectivity: {name: log, output: some}",
            "some",
            "connectivity.output | expected all, rule or odd_and_last, found some",
        ),
        (
            "connectivity: {name: explicit, layers: [[0], 1]}",
            "1",
            "connectivity.layers.1 | expected a list of 0 to 256 values, found 1",
        ),
        (
            "connectivity: {name: explicit, layers: [[0], [257]]}",
            "257",
            "connectivity.layers.1.0 | expected a whole number from 0 to 256, found 257",
        ),
        # cross_block
        ("cross_block: none", "none", f"cross_block | expected {CROSS_BLOCK}, found none"),
        ("cross_block: [[1, 2]]", "[", f"cross_block | expected {CROSS_BLOCK}, found [[1, 2]]"),
        (
            "cross_block: {downsampling: avg}",
            "{",
            "cross_block.links | missing: all or non_adjacent or a list of 1 to 64 values",
        ),
        (
            "cross_block: {links: near}",
            "near",
            "cross_block.links | expected all or non_adjacent, found near",
        ),
        ("cross_block: {links: []}", "[", "cross_block.links | expected a list of 1 to 64 values, found []"),
        (
            "cross_block: {links: [[1, 9]]}",
            "9",
            "cross_block.links.0.1 | expected a whole number from 1 to 8, found 9",
        ),
        (
            "cross_block: {links: [[1, 2, 3]]}",
            "[",
            "cross_block.links.0 | expected a list of 2 values, found [1, 2, 3]",
        ),
        (
            "cross_block: {links: all, downsampling: min}",
            "min",
            "cross_block.downsampling | expected avg, max, conv3x3, conv2x2 or space_to_depth, found min",
        ),
        (
            "cross_block: {links: all, compression: 0}",
            "0",
            "cross_block.compression | expected a number above 0 and at most 1, found 0",
        ),
        # head and alpha
        ("head: blocks", "blocks", f"head | expected {HEAD}, found blocks"),
        ("head: {reads: every}", "every", "head.reads | expected last_block or all_blocks, found every"),
        ("activation: prelu, alpha: 2", "2", "alpha | expected a number from 0 to 1, found 2"),
        (
            "activation: prelu, alpha: {layers: [0.1, 2]}",
            "2",
            "alpha.layers.1 | expected a number from 0 to 1, found 2",
        ),
        # U-Nets
        ("family: unet, unit: both", "both", "unit | expected dense or conv, found both"),
        (
            "family: unet, convolutions: 0",
            "0",
            "convolutions | expected a whole number from 1 to 16, found 0",
        ),
        ("family: unet, channels: [8]", "[", "channels | expected a list of 2 to 8 values, found [8]"),
        (
            "family: unet, channels: [8, 0]",
            "0",
            "channels.1 | expected a whole number from 1 to 65536, found 0",
        ),
        ("family: unet, up_kernel: 4", "4", "up_kernel | expected 2 or 3, found 4"),
        ("family: unet, up_reads: old", "old", "up_reads | expected new or all, found old"),
        (
            "family: unet, layers_per_block: [2]",
            "[",
            "layers_per_block | expected a list of 2 to 8 values, found [2]",
        ),
        ("family: unet, normalize: 1", "1", "normalize | expected true or false, found 1"),
    ],
)
def test_a_wrong_field(network: str, at: str, message: str, refused: Refused) -> None:
    error = refused(spec(network))
    assert said(error) == [f"network.{message}"]
    assert pointed_at(error) == at
    (problem,) = error.problems
    assert problem.hint.rstrip().endswith(".")  # what the schema says of the field
    assert str(problem.place).startswith("a.yaml:2:")


def test_a_densenet_needs_growth_and_layers(refused: Refused) -> None:
    text = spec("").replace("growth_rate: 12, layers_per_block: [2, 2], ", "pooling: avg")
    assert said(refused(text)) == [
        f"network.growth_rate | missing: {GROWTH}",
        "network.layers_per_block | missing: a list of 1 to 8 values",
    ]


def test_null_is_told_what_would_be_there(refused: Refused) -> None:
    assert said(refused(spec("growth_rate: null"))) == [
        f"network.growth_rate | expected {GROWTH}, found null"
    ]


# Keys of another kind


@pytest.mark.parametrize(
    ("network", "key", "hint"),
    [
        ("channels: [8, 16]", "channels", "channels belongs to unet."),
        ("family: unet, cross_block: all", "cross_block", "cross_block belongs to densenet."),
        ("family: unet, head: all_blocks", "head", "head belongs to densenet."),
        ("connectivity: {size: 4}", "connectivity.size", "size belongs to window."),
        ("connectivity: {name: log, seed: 4}", "connectivity.seed", "seed belongs to random or explicit."),
        ("connectivity: [log, {stride: 4}]", "connectivity.1.stride", "stride belongs to strided."),
        ("connectivity: {name: log, size_: 4}", "connectivity.size_", ""),
        ("grwth: 3", "grwth", ""),
    ],
)
def test_a_key_of_another_kind_is_told_its_owner(network: str, key: str, hint: str, refused: Refused) -> None:
    (problem,) = refused(spec(network)).problems
    assert problem.where == f"network.{key}"
    assert problem.expected.startswith("unknown key; ")
    assert problem.hint == hint


def test_keys_of_several_owners(minimal: str, refused: Refused) -> None:
    (problem,) = refused(f"{minimal}  optimizer: {{beta_1: 0.5}}\n").problems
    assert problem.hint == "beta_1 belongs to adam, adamw or lion."
    assert "momentum" in problem.expected
    (problem,) = refused(f"{minimal}  schedule: {{final_fraction: 0.5}}\n").problems
    assert problem.hint == "final_fraction belongs to cosine, linear or one_cycle."


# Fields that do not fit together


@pytest.mark.parametrize(
    ("network", "messages"),
    [
        (
            "growth_rate: [12]",
            [f"growth_rate | expected {PER_BLOCK}, found a list of 1"],
        ),
        (
            "dropout: [0, 0, 0], bottleneck_width: [4], connectivity: [log]",
            [
                f"dropout | expected {PER_BLOCK}, found a list of 3",
                f"bottleneck_width | expected {PER_BLOCK}, found a list of 1",
                f"connectivity | expected {PER_BLOCK}, found a list of 1",
            ],
        ),
        (
            "activation: prelu, alpha: {layers: [0.1]}",
            [f"alpha.layers | expected {PER_BLOCK}, found a list of 1"],
        ),
        (
            "family: unet, growth_rate: [8, 8, 8]",
            ["growth_rate | expected one value, or a list of 2, one for each level, found a list of 3"],
        ),
        (
            "family: unet, unit: conv, channels: [8, 16], dropout: [0.1]",
            ["dropout | expected one value, or a list of 2, one for each level, found a list of 1"],
        ),
        (
            "family: unet, unit: conv, channels: [8, 16, 32], activation: prelu, alpha: {layers: [0.1, 0.1]}",
            ["alpha.layers | expected one value, or a list of 3, one for each level, found a list of 2"],
        ),
        ("activation: leaky_relu", ["activation | alpha, the slope of leaky_relu, is missing"]),
        ("activation: gelu, alpha: 0.1", ["alpha | gelu has no slope"]),
        ("family: unet, unit: conv", ["channels | unit: conv needs it, and it is missing"]),
        (
            "family: unet, layers_per_block: null",
            ["layers_per_block | unit: dense needs it, and it is missing"],
        ),
        (
            "family: unet, growth_rate: null, layers_per_block: null",
            [
                "growth_rate | unit: dense needs it, and it is missing",
                "layers_per_block | unit: dense needs it, and it is missing",
            ],
        ),
    ],
)
def test_fields_that_do_not_fit_together(network: str, messages: list[str], refused: Refused) -> None:
    assert said(refused(spec(network))) == [f"network.{message}" for message in messages]


@pytest.mark.parametrize(
    "network",
    [
        "activation: prelu",  # starts from 0.25
        "activation: prelu, alpha: 0.1",
        "family: unet, unit: conv, channels: [8, 16], growth_rate: [1, 2, 3], connectivity: [log]",
        "family: unet, channels: [8, 16, 32, 64]",  # the other unit's fields may stay
    ],
)
def test_fields_that_do_fit_together(network: str) -> None:
    assert parse(spec(network).encode(), "a.yaml").experiment.network


# match and limits


@pytest.mark.parametrize(
    ("more", "at", "message"),
    [
        ("match: 3", "3", "match | expected a mapping with parameters or macs or null, found 3"),
        (
            "match: {}",
            "{",
            "match.parameters | either parameters or macs; a growth rate can match one figure",
        ),
        (
            "match: {parameters: 1, macs: article}",
            "1",
            "match.parameters | either parameters or macs; a growth rate can match one figure",
        ),
        ("match: {parameters: 0}", "0", "match.parameters | expected a whole number of at least 1, found 0"),
        ("match: {macs: 1e6}", "1e6", "match.macs | expected a whole number of at least 1, found 1000000.0"),
        ("match: {macs: ''}", "''", 'match.macs | expected text that is not empty, found ""'),
        (
            "match: {macs: true}",
            "true",
            "match.macs | expected a whole number of at least 1 or text that is not empty or null, "
            "found true",
        ),
        ("match: {params: 3}", "params", "match.params | unknown key; did you mean parameters?"),
        (
            "limits: {parameters: 0}",
            "0",
            "limits.parameters | expected a whole number of at least 1, found 0",
        ),
        (
            "limits: {macs: lots}",
            "lots",
            "limits.macs | expected a whole number of at least 1 or null, found lots",
        ),
        (
            "limits: {memory: 1}",
            "memory",
            "limits.memory | unknown key; there are parameters, macs, training_memory_bytes",
        ),
        (
            "limits: null",
            "null",
            "limits | expected a mapping with parameters, macs or training_memory_bytes, found null",
        ),
    ],
)
def test_a_wrong_budget(more: str, at: str, message: str, minimal: str, refused: Refused) -> None:
    error = refused(f"{minimal}{more}\n")
    assert said(error) == [message]
    assert pointed_at(error) == at


# Switching the family or the kind


def set_upon(name: str, *overrides: str) -> dict[str, object]:
    return load(name, overrides).experiment.network.model_dump()


def test_a_densenet_becomes_a_unet() -> None:
    before, after = set_upon("article"), set_upon("article", "network.family=unet")
    assert after["family"] == "unet"
    assert {"cross_block", "head"}.isdisjoint(after)
    shared = set(before) & set(after) - {"family"}
    assert {key: after[key] for key in shared} == {key: before[key] for key in shared}
    assert (after["unit"], after["up_kernel"], after["channels"]) == ("dense", 3, None)


def test_a_unet_becomes_a_densenet() -> None:
    after = set_upon("fc-densenet-67", "network.family=densenet", "network.head=all_blocks")
    assert (after["growth_rate"], after["pooling"], after["dropout_after"]) == (16, "max", "every")
    assert {"unit", "channels", "up_kernel", "up_reads", "normalize", "convolutions"}.isdisjoint(after)
    assert after["head"] == {"reads": "all_blocks", "activation": True}


def test_a_unet_of_convolutions_has_no_growth_to_keep() -> None:
    with pytest.raises(SpecError) as caught:
        load("unet-64", ["network.family=densenet"])
    assert said(caught.value) == [
        f"network.growth_rate | missing: {GROWTH}",
        "network.layers_per_block | missing: a list of 1 to 8 values",
    ]


def test_unit_alone_switches() -> None:
    conv = set_upon("article-unet", "network.unit=conv")
    assert (conv["unit"], conv["channels"], conv["growth_rate"]) == ("conv", (64, 128, 256, 512, 1024), 12)


def test_through_extends_too() -> None:
    text = "extends: article\nnetwork: {family: unet, layers_per_block: [2, 2]}\n"
    network = parse(text.encode(), "a.yaml").experiment.network
    assert (network.family, network.growth_rate, network.layers_per_block) == ("unet", 12, (2, 2))
    assert network.alpha
    assert network.alpha.stem == 0.1


@pytest.mark.parametrize(
    ("overrides", "connectivity"),
    [
        (["network.connectivity=log"], {"name": "log", "output": "all"}),
        (["network.connectivity.output=rule"], {"name": "log", "output": "rule"}),
        (["network.connectivity={output: odd_and_last}"], {"name": "log", "output": "odd_and_last"}),
        (["network.connectivity={name: window, size: 4}"], {"name": "window", "output": "all", "size": 4}),
        (
            ["network.connectivity.size=4", "network.connectivity=window"],
            {"name": "window", "output": "all", "size": 4},
        ),
        (
            ["network.connectivity=[log, {output: rule}, chain]"],
            (
                {"name": "log", "output": "all"},
                {"name": "dense", "output": "rule"},
                {"name": "chain", "output": "all"},
            ),
        ),
    ],
)
def test_connectivity_by_set(overrides: list[str], connectivity: object) -> None:
    assert set_upon("article-log", *overrides)["connectivity"] == connectivity


def test_another_pattern_forgets_the_first_ones_fields() -> None:
    assert set_upon("hardnet-like", "network.connectivity=log")["connectivity"] == {
        "name": "log",
        "output": "all",
    }
    assert set_upon("hardnet-like", "network.connectivity=harmonic")["connectivity"] == {
        "name": "harmonic",
        "output": "odd_and_last",
        "width_multiplier": 1.7,
    }


def test_slopes_by_set() -> None:
    alpha = set_upon("article", "network.alpha.head=0.3", "network.alpha.layers=[0, 0.1, 0.2]")["alpha"]
    assert alpha == {"stem": 0.1, "layers": (0.0, 0.1, 0.2), "transitions": 0.0, "head": 0.3}


def test_links_by_set() -> None:
    cross_block = set_upon("article", "network.cross_block=all", "network.cross_block.downsampling=max")[
        "cross_block"
    ]
    assert cross_block == {"links": "all", "downsampling": "max", "compression": None}
    assert set_upon("article-cross-block", "network.cross_block=all")["cross_block"] == {
        "links": "all",
        "downsampling": "avg",
        "compression": 0.5,
    }
    assert set_upon("article-cross-block", "network.cross_block=null")["cross_block"] is None
