"""What the format allows, in words."""

import pytest

from dnsearch.spec import json_schema, validation_errors
from dnsearch.spec.tree import spelled_out
from dnsearch.spec.yaml import read

Path = tuple[str | int, ...]

SHORT_NAMES = "dense, log, harmonic or chain"
ALL_NAMES = "a mapping with name: dense, log, harmonic, window, chain, strided, random or explicit"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (("version",), "1"),
        (
            ("name",),
            "text of at most 100 letters, digits, dots, dashes and underscores, a letter or digit first",
        ),
        (("extends",), "text or null"),
        (("network",), "a mapping"),
        (("network", "family"), "densenet or unet"),
        (("network", "growth_rate"), "a whole number from 1 to 1024 or a list of 1 to 8 values or null"),
        (("network", "growth_rate", 3), "a whole number from 1 to 1024"),
        (("network", "layers_per_block", 7), "a whole number from 1 to 256"),
        (("network", "bottleneck_width"), "a whole number from 1 to 64 or a list of 1 to 8 values or null"),
        (("network", "bottleneck_width", 0), "a whole number from 1 to 64 or null"),
        (("network", "compression"), "a number above 0 and at most 1 or null"),
        (("network", "dropout"), "a number of at least 0 and below 1 or a list of 1 to 8 values"),
        (("network", "pooling"), "avg, max, both or conv"),
        (("network", "connectivity"), f"{SHORT_NAMES} or a list of 1 to 8 values or {ALL_NAMES}"),
        (("network", "connectivity", 2), f"{SHORT_NAMES} or {ALL_NAMES}"),
        (("network", "connectivity", "width_multiplier"), "a number from 1 to 4"),
        (("network", "connectivity", "seed"), "a whole number of at least 0 and below 4294967296"),
        (("network", "connectivity", "layers", 0), "a list of 0 to 256 values"),
        (
            ("network", "cross_block"),
            "all or non_adjacent or a mapping with links, downsampling or compression or null",
        ),
        (("network", "cross_block", "links"), "all or non_adjacent or a list of 1 to 64 values"),
        (("network", "cross_block", "links", 0), "a list of 2 values"),
        (("network", "head"), "last_block or all_blocks or a mapping with reads or activation"),
        (("network", "alpha", "layers"), "a number from 0 to 1 or a list of 1 to 8 values"),
        (("network", "channels"), "a list of 2 to 8 values or null"),
        (("network", "convolutions"), "a whole number from 1 to 16"),
        (("network", "up_kernel"), "2 or 3"),
        (("match",), "a mapping with parameters or macs or null"),
        (("match", "parameters"), "a whole number of at least 1 or text that is not empty or null"),
        (("limits",), "a mapping with parameters, macs or training_memory_bytes"),
        (("limits", "macs"), "a whole number of at least 1 or null"),
        (("tune", "trials"), "a whole number from 1 to 1000000"),
        (("network", "convolution_bias"), "true or false"),
        (("network", "batch_norm"), "a mapping with momentum or epsilon"),
        (
            ("network", "alpha"),
            "a number from 0 to 1 or a mapping with stem, layers, transitions or head or null",
        ),
        (("network", "stem", "kernel"), "3, 5 or 7"),
        (("data", "path"), "text that is not empty or null"),
        (("data", "image_shape"), "a list of 3 values or null"),
        (("data", "image_shape", 2), "a whole number from 1 to 64"),
        (("training", "optimizer", "momentum"), "a number of at least 0 and below 1"),
        (("training", "schedule", "at", 3), "a number above 0 and below 1"),
        (("tune", "parameters"), "a mapping of 1 to 100 entries"),
        (("tune", "trial_timeout_seconds"), "a number above 0 or null"),
        (("expect",), "a mapping with parameters, parameters_total or macs or null"),
    ],
)
def test_expectations(path: Path, said: str) -> None:
    assert validation_errors.expectation(path) == said


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("network: {growth_rate: 0}", ("network", "growth_rate"), "a whole number from 1 to 1024"),
        ("network: {growth_rate: []}", ("network", "growth_rate"), "a list of 1 to 8 values"),
        ("network: {bottleneck_width: 0}", ("network", "bottleneck_width"), "a whole number from 1 to 64"),
        ("network: {compression: 2}", ("network", "compression"), "a number above 0 and at most 1"),
        ("network: {cross_block: {}}", ("network", "cross_block"), "a mapping with links, ..."),
        ("network: {connectivity: {name: x}}", ("network", "connectivity"), ALL_NAMES),
        ("network: {connectivity: []}", ("network", "connectivity"), "a list of 1 to 8 values"),
        # of no sort that the field has, or a word: everything that there is
        (
            "network: {compression: none}",
            ("network", "compression"),
            "a number above 0 and at most 1 or null",
        ),
        ("network: {head: x}", ("network", "head"), "last_block or all_blocks or a mapping with ..."),
        ("network: {alpha: 2}", ("network", "alpha"), "a number from 0 to 1"),
        ("network: {alpha: x}", ("network", "alpha"), "a number from 0 to 1 or a mapping with stem, ..."),
    ],
)
def test_what_was_found_narrows_the_words(text: str, path: Path, said: str) -> None:
    found = validation_errors.expectation(path, spelled_out(read(text.encode(), "a.yaml")))
    assert found == said or (said.endswith("...") and found.startswith(said[:-3]))


@pytest.mark.parametrize(
    ("words", "said"), [(["a"], "a"), (["a", "b"], "a or b"), (["a", "b", "c"], "a, b or c")]
)
def test_either(words: list[str], said: str) -> None:
    assert json_schema.either(words) == said
