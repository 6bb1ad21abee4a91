"""Data on stdout, talk on stderr."""

import json

import pytest

from dnsearch.cli import console
from dnsearch.errors import Problem, RunError, SpecError


def test_data_and_talk_go_their_own_ways(capfd):
    console.show("a table")
    console.raw("a: 1\n")
    console.raw("no end of line")
    console.say("on we go")
    assert capfd.readouterr() == ("a table\na: 1\nno end of line\n", "on we go\n")


def test_what_is_raw_is_neither_wrapped_nor_coloured(capfd):
    console.raw("[bold]x[/bold] " + "y" * 200)
    assert capfd.readouterr().out == "[bold]x[/bold] " + "y" * 200 + "\n"


def test_what_is_said_is_not_taken_for_mark_up_and_not_wrapped(capfd):
    console.say("runs/[red]one[/red] " + "y" * 200)
    assert capfd.readouterr().err == "runs/[red]one[/red] " + "y" * 200 + "\n"


def test_json_is_readable_and_strict(capfd):
    console.show_json({"name": "Straße", "accuracy": None})
    assert capfd.readouterr().out == '{\n  "name": "Straße",\n  "accuracy": null\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.show_json({"loss": float("nan")})


def test_a_spec_s_complaint_counts_the_problems(capfd):
    console.complain(SpecError([Problem("a", "one"), Problem("b", "another")]))
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "a\n  one\n\nb\n  another\n\n2 problems; nothing was run.\n"


def test_another_complaint_is_its_text(capfd):
    console.complain(RunError("runs/one\n  is in use"))
    assert capfd.readouterr() == ("", "runs/one\n  is in use\n")


def test_what_is_shown_as_json_can_be_read_again(capfd):
    value = [{"a": [1, 2.5, "x"], "b": {"c": True}}]
    console.show_json(value)
    assert json.loads(capfd.readouterr().out) == value
