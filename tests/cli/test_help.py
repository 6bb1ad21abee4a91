"""What the program says about itself."""

import re

import pytest

from dnsearch import __version__
from dnsearch.cli.main import EPILOG, app
from dnsearch.errors import DataError, RunError, SpecError, StudyError, TrainingError

COMMANDS = [
    *("init", "presets", "check", "inspect", "draw", "data", "import-weights"),
    *("train", "evaluate", "predict", "export", "space", "tune", "study"),
    *("leaderboard", "dashboard", "clean", "schema"),
]


def test_the_commands_stand_in_the_order_of_use(dnsearch):
    names = [
        command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
        if not command.hidden
    ]
    assert names == COMMANDS
    ran = dnsearch("--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Example: dnsearch init spec.yaml; dnsearch train spec.yaml" in ran.out
    places = [re.search(rf"│ {command} ", ran.out).start() for command in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_shows_an_example_and_says_what_it_does(dnsearch, command):
    for option in ("--help", "-h"):
        ran = dnsearch(command, option)
        assert (ran.code, ran.err) == (0, "")
        lines = [line.strip() for line in ran.out.splitlines()]
        assert any(line.startswith(f"Example: dnsearch {command}") for line in lines), "an example to copy"
        assert max(map(len, ran.out.splitlines())) <= 80
    does = app.registered_commands[COMMANDS.index(command)].callback.__doc__.splitlines()[0]
    assert " ".join(does.split()[:4]) in ran.out


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
    assert "Exit codes: 0 all went well" in said
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


def test_the_version(dnsearch):
    ran = dnsearch("--version")
    assert (ran.code, ran.out, ran.err) == (0, f"dnsearch {__version__}\n", "")


def test_without_a_command_there_is_help(dnsearch):
    ran = dnsearch()
    assert ran.code == 2
    assert "Usage: dnsearch" in ran.out + ran.err
