"""Data on stdout, talk on stderr."""

import json
import os
import sys

import pytest

from dnsearch.cli import console
from dnsearch.errors import Place, Problem, RunError, SpecError


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


HOSTILE = "a\x1b]0;title\x07\x1b[2J\r\x9b31m\x7f\u202eb\u2066\udcff\u200b\U000e0001 ä 漢\u3000\U0001f600"
ESCAPED = (
    r"a\u001b]0;title\u0007\u001b[2J\r\u009b31m\u007f\u202eb\u2066\udcff\u200b\udb40\udc01"
    " ä 漢\u3000\U0001f600"
)


def test_a_terminal_obeys_nothing_that_a_name_holds(capfd):
    from rich.table import Table

    for put in (console.raw, console.say):
        put(HOSTILE)
    console.complain(SpecError([Problem(HOSTILE, HOSTILE, HOSTILE, HOSTILE)]))
    out, err = capfd.readouterr()
    assert out == f"{ESCAPED}\n"
    assert err.count(ESCAPED) == 5
    console.complain(RunError(HOSTILE))
    table = Table("[bold]")
    table.add_row(HOSTILE)
    table.title = HOSTILE
    console.show(table)
    shown = "".join(capfd.readouterr())
    assert "[bold]" in shown
    assert not [letter for letter in shown if not letter.isprintable() and letter not in "\n\u3000"]


@pytest.mark.parametrize(
    "arguments",
    [
        [f"--{HOSTILE}"],
        [HOSTILE],
        ["train", f"--{HOSTILE}"],
        ["tune", "--executor", HOSTILE],
        ["presets", HOSTILE],
    ],
)
def test_a_terminal_obeys_nothing_that_a_command_line_holds(arguments, dnsearch):
    said = dnsearch(*arguments).err
    assert "\\u202eb\\u2066" in said
    assert not [letter for letter in said if not letter.isprintable() and letter not in "\n\u3000"]


def test_what_json_holds_is_escaped_and_read_again_as_it_was(capfd):
    console.show_json({HOSTILE: HOSTILE})
    text = capfd.readouterr().out
    assert not [letter for letter in text if not letter.isprintable() and letter not in "\n\u3000"]
    assert json.loads(text) == {HOSTILE: HOSTILE}


def test_an_excerpt_keeps_its_carets_in_place(tmp_path):
    place = Place("a\nb.yaml", 1, 6, 1, "x: \u202e\x1b[1]\n")
    problem = str(Problem("x", "another", place=place))
    assert problem == "a\\nb.yaml:1:6  x\n  another\n\n   1 | x: \ufffd\ufffd[1]\n     |      ^"


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


@pytest.mark.parametrize("descriptor", [1, 2])
@pytest.mark.parametrize("how", ["full", "closed", "no reader"])
def test_nothing_that_is_written_raises_and_what_was_asked_for_is_missed(capfd, descriptor, how):
    kept = os.dup(descriptor)
    match how:
        case "full":
            target = os.open("/dev/full", os.O_WRONLY)
        case "closed":
            target = None
        case _:
            reader, target = os.pipe()
            os.close(reader)
    if target is None:
        os.close(descriptor)
    else:
        os.dup2(target, descriptor)
        os.close(target)
    try:
        with console.unfailing():
            console.raw("data")
            console.say("talk")
            console.show("a table")
            missed = console.lost(forgive=True)
            forgiven = console.lost()
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
    assert (missed is not None) == (descriptor == 1)
    assert forgiven is None
    assert capfd.readouterr() == (("", "talk\n") if descriptor == 1 else ("data\na table\n", ""))


def test_the_streams_are_as_they_were_afterwards():
    earlier = sys.stdout, sys.stderr
    with console.unfailing():
        assert sys.stdout.fileno() == 1
    assert (sys.stdout, sys.stderr) == earlier
