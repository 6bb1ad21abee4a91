import json
import math
from dataclasses import replace
from typing import Any

import pytest

from dnsearch.errors import RunError
from dnsearch.runs.record import EpochRecord, Metrics, RunRecord
from dnsearch.runs.record_json import from_json, to_json


def changed(record: RunRecord, *path: str, to: Any) -> bytes:
    """A record's JSON with another value at a path."""
    found = json.loads(to_json(record))
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    return json.dumps(found).encode()


def refusal(content: bytes) -> str:
    with pytest.raises(RunError) as caught:
        from_json(RunRecord, content, "runs/a/run.json")
    return str(caught.value)


def test_a_record_comes_back_as_it_was(record: RunRecord) -> None:
    assert from_json(RunRecord, to_json(record, indent=2), "run.json") == record


def test_a_record_with_nothing_in_it_comes_back_as_it_was(record: RunRecord) -> None:
    bare = replace(
        record,
        parameters=None,
        macs=None,
        last=None,
        best=None,
        best_epoch=None,
        test=None,
        study=None,
        trial=None,
    )
    assert from_json(RunRecord, to_json(bare), "run.json") == bare


def test_an_epoch_comes_back_as_it_was(epoch: EpochRecord) -> None:
    content = to_json(epoch)
    assert b"\n" not in content
    assert from_json(EpochRecord, content, "epochs.jsonl:1") == epoch


def test_a_record_is_readable(record: RunRecord) -> None:
    text = to_json(record, indent=2).decode()
    assert '\n  "state": "finished",\n' in text
    assert "θ was 0.5" in text


def test_tuples_come_back_as_lists(record: RunRecord) -> None:
    settings = {"network.layers_per_block": (2, 2)}
    read = from_json(RunRecord, to_json(replace(record, settings=settings)), "run.json")
    assert read.settings == {"network.layers_per_block": [2, 2]}


@pytest.mark.parametrize(("number", "written"), [(math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_infinity_survives_as_valid_json(epoch: EpochRecord, number: float, written: str) -> None:
    odd = replace(epoch, training=Metrics(number, 0.1, 10))
    content = to_json(odd)
    assert json.loads(content, parse_constant=pytest.fail)["training"]["loss"] == written
    assert from_json(EpochRecord, content, "epochs.jsonl:1") == odd


def test_not_a_number_survives_as_valid_json(epoch: EpochRecord) -> None:
    content = to_json(replace(epoch, training=Metrics(math.nan, 0.1, 10)))
    assert json.loads(content, parse_constant=pytest.fail)["training"]["loss"] == "NaN"
    assert math.isnan(from_json(EpochRecord, content, "epochs.jsonl:1").training.loss)


def test_the_word_nan_stays_a_word_where_words_are_meant(record: RunRecord) -> None:
    odd = replace(record, reason="NaN", settings={"a": "NaN"})
    read = from_json(RunRecord, to_json(odd), "run.json")
    assert (read.reason, read.settings) == ("NaN", {"a": "NaN"})


def test_half_a_surrogate_pair_is_shown_as_a_question_mark(record: RunRecord) -> None:
    odd = replace(record, reason="no file \udcff")
    assert from_json(RunRecord, to_json(odd), "run.json").reason == "no file ?"


def test_whole_numbers_are_numbers(record: RunRecord) -> None:
    read = from_json(RunRecord, changed(record, "wall_seconds", to=12), "run.json")
    assert (read.wall_seconds, type(read.wall_seconds)) == (12.0, float)


def test_an_unknown_key_is_refused(record: RunRecord) -> None:
    told = refusal(changed(record, "last", "colour", to=7))
    assert told.startswith("runs/a/run.json  last.colour\n  expected no such key, found 7\n")


def test_the_first_three_problems_are_told(record: RunRecord) -> None:
    found = json.loads(to_json(record))
    found["colour"] = found.pop("seed")
    del found["last"]["examples"], found["state"], found["macs"]
    assert refusal(json.dumps(found).encode()) == (
        "runs/a/run.json  state\n  expected this key, found none\n\n"
        "runs/a/run.json  seed\n  expected this key, found none\n\n"
        "runs/a/run.json  macs\n  expected this key, found none\n\n"
        "and 2 more problems\n"
        "  The file was damaged, or written by another version of dnsearch."
    )


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("seed",), "seven", 'seed\n  expected a whole number, found "seven"'),
        (("seed",), 1.5, "seed\n  expected a whole number, found 1.5"),
        (("seed",), True, "seed\n  expected a whole number, found true"),
        (("seed",), None, "seed\n  expected a whole number, found null"),
        (("name",), 3, "name\n  expected text, found 3"),
        (("macs",), 10**400, "macs\n  expected a number below 2^63, found 1000"),
        (("wall_seconds",), "long", 'wall_seconds\n  expected a number, found "long"'),
        (("wall_seconds",), 10**400, "wall_seconds\n  expected a number, found 1000"),
        (
            ("state",),
            "asleep",
            "state\n  expected one of 'running', 'paused', 'finished', 'pruned', 'failed' or 'interrupted'",
        ),
        (("state",), [], "state\n  expected one of 'running'"),
        (("last", "loss"), [1], "last.loss\n  expected a number, found [1]"),
        (("last",), 3, "last\n  expected a mapping, found 3"),
        (("settings",), [1], "settings\n  expected a mapping, found [1]"),
        (("versions", "keras"), 3, "versions.keras\n  expected text, found 3"),
        (("trial",), "x" * 99, f'trial\n  expected a whole number, found "{"x" * 56}...'),
    ],
)
def test_a_wrong_value_is_told(record: RunRecord, path: tuple[str, ...], value: Any, told: str) -> None:
    assert refusal(changed(record, *path, to=value)).startswith(f"runs/a/run.json  {told}")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "expected JSON, found EOF while parsing a value"),
        (b'{"name": "a', "expected JSON, found EOF while parsing a string"),
        (b"\xff\xfe", "expected JSON, found expected value"),
        (b"NaN", "expected a mapping, found NaN"),
        (b"[]", "expected a mapping, found []"),
        (b"[" * 100_000, "expected JSON, found recursion limit exceeded"),
        (b"9" * 5000, "expected JSON, found number out of range"),
    ],
)
def test_what_is_no_record_is_refused(content: bytes, told: str) -> None:
    assert refusal(content).startswith(f"runs/a/run.json\n  {told}")


@pytest.mark.parametrize(("key", "value"), [("accuracy", 1.5), ("accuracy", -0.1), ("mean_iou", 2.0)])
def test_a_share_is_from_0_to_1(record: RunRecord, key: str, value: float) -> None:
    text = refusal(changed(record, "last", key, to=value))
    assert text.startswith(f"runs/a/run.json  last.{key}\n  expected a number from 0 to 1, found {value}\n")
