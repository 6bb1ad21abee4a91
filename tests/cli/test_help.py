"""What the program says about itself."""

import re

import pytest

from dnsearch import __version__
from dnsearch.cli.main import COMMANDS, EPILOG
from dnsearch.errors import DataError, RunError, SpecError, StudyError, TrainingError


def test_the_commands_are_listed_in_the_order_of_use(dnsearch):
    ran = dnsearch("--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Example: dnsearch init spec.yaml; dnsearch train spec.yaml" in ran.out
    places = [re.search(rf"│ {command} ", ran.out).start() for command in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_what_the_list_says_of_it_and_an_example(dnsearch, command):
    for option in ("--help", "-h"):
        ran = dnsearch(command, option)
        assert (ran.code, ran.err) == (0, "")
        assert max(map(len, ran.out.splitlines())) <= 80
        shown = " ".join(line.strip(" │") for line in ran.out.splitlines())
        assert COMMANDS[command].help in shown
        assert f"Example: dnsearch {COMMANDS[command].example}" in shown


@pytest.mark.parametrize(
    "command",
    [
        "presets",
        "check",
        "inspect",
        "data",
        "import-weights",
        "train",
        "evaluate",
        "predict",
        "export",
        "space",
        "tune",
        "leaderboard",
    ],
)
def test_every_command_that_tells_something_can_tell_it_as_json(dnsearch, command):
    assert "--json" in dnsearch(command, "--help").out


def test_the_exit_codes_are_told_and_true(dnsearch):
    said = " ".join(dnsearch("--help").out.split())
    assert "Exit codes: 0 success" in said
    told = {int(code): words for code, words in re.findall(r"(\d+) ([^·.]+)", EPILOG)}
    for error, word in [
        (SpecError, "spec"),
        (DataError, "data"),
        (RunError, "run folder"),
        (TrainingError, "training"),
        (StudyError, "study"),
    ]:
        assert word in told[error.exit_code]
    assert "Ctrl-C" in told[130]
    assert ("SIGHUP" in told[129], "SIGTERM" in told[143], "lost" in told[1]) == (True, True, True)


def test_the_version(dnsearch):
    ran = dnsearch("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"dnsearch {__version__}\n", "")


def test_without_a_command_there_is_help(dnsearch):
    ran = dnsearch()
    assert ran.code == 2
    assert "Usage: dnsearch" in ran.out + ran.err
