"""What the documents say is what the program does."""

import re
from pathlib import Path

import pytest

from dnsearch.cli import main
from dnsearch.errors import DnsearchError, SpecError
from dnsearch.spec import json_schema, presets
from dnsearch.spec.document import parse
from dnsearch.spec.reference import markdown_reference

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_WORDS = 15_800
"""Of README and docs together; to come down to 14,000."""

EVERYTHING = "".join(page.read_text(encoding="utf-8") for page in PAGES)
COMMANDS = {name: main.loaded(name) for name in main.COMMANDS}


def block(language: str, containing: str) -> str:
    """The fenced block of the README with a text in it."""
    found = [each for each in re.findall(rf"```{language}\n(.*?)```", README, re.S) if containing in each]
    assert len(found) == 1
    return found[0]


def test_the_field_reference_is_what_the_program_prints():
    written = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    assert written == markdown_reference(), "run: dnsearch schema --markdown > docs/spec.md"


def test_the_readme_lists_the_commands_in_their_order():
    assert re.findall(r"^\| `dnsearch ([\w-]+)", README, re.M) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_in_help(name):
    for parameter in COMMANDS[name].params:
        if getattr(parameter, "hidden", False):  # of earlier versions
            continue
        assert getattr(parameter, "help", ""), f"{name}: {parameter.name} says nothing of itself"


@pytest.mark.parametrize("preset", presets.names())
def test_every_preset_is_in_the_readme(preset):
    assert f"`{preset}`" in README


@pytest.mark.parametrize("kind", ["Optimizer", "Schedule", "Recipe", "Loss"])
def test_every_choice_of_a_training_is_explained(kind):
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    names = {"Recipe": presets.NAMES}.get(kind) or json_schema.at(("training", kind.lower()))[0]["enum"]
    for name in names:
        assert re.search(rf"^\| `{name}` \|", page, re.M), name


def test_every_field_of_a_training_is_explained_or_plain():
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    plain = {"early_stopping", "seed", "batch_size", "learning_rate", "epochs"}
    fields = set(json_schema.keys(("training",))) - plain
    assert {field for field in fields if not re.search(rf"`{field}\b", page)} == set()


def test_every_exit_code_is_in_the_readme_and_in_help():
    codes = {kind.exit_code for kind in DnsearchError.__subclasses__()}
    for code in codes:
        assert re.search(rf"\b{code} [a-z]", README.partition("Exit codes:")[2][:200])
        assert re.search(rf"\b{code} [a-z]", main.EPILOG)


def test_the_example_spec_is_valid():
    experiment = parse(block("yaml", "my-densenet").encode(), "spec.yaml").experiment
    assert experiment.network.alpha.layers == 0.1
    assert len(experiment.tune.parameters) == 3


def test_the_example_mistake_is_reported_as_shown():
    spec = b"version: 1\nextends: starter\n\nnetwork:\n  layers_per_block: [4, 4]\n  growth_rate: -12\n"
    with pytest.raises(SpecError) as caught:
        parse(spec, "spec.yaml")
    assert block("text", "1 problem;") == f"{caught.value}\n\n1 problem; nothing was run.\n"


def test_every_make_target_named_is_there():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", EVERYTHING):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_every_command_line_names_a_real_command():
    for name in re.findall(r"dnsearch ([\w-]+)(?: |`|$)", block("console", "dnsearch init")):
        assert name in COMMANDS


@pytest.mark.parametrize("source", json_schema.at(("data", "source"))[0]["enum"])
def test_every_source_is_documented(source):
    assert re.search(rf"^\| [^|]*`{source}`[^|]* \|", EVERYTHING, re.M)


def anchors(page: Path) -> set[str]:
    """What links may name behind ``#``, as GitHub and MkDocs make it of the headings."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", title.lower())) for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        there = page.parent / target if target else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), f"{target}#{anchor}"


def test_the_pages_are_short():
    assert len(EVERYTHING.split()) <= MOST_WORDS
    assert len(README.split()) <= 1000
