"""The specs that come with dnsearch."""

import re

import pytest

from dnsearch.errors import SpecError
from dnsearch.spec import presets
from dnsearch.spec.document import Document, fingerprint, load, parse, resolved_yaml
from dnsearch.spec.experiment import Experiment

NAMES = presets.names()


@pytest.fixture(params=NAMES, name="preset")
def _preset(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def document(preset: str) -> Document:
    return load(preset)


def without_expect(experiment: Experiment) -> Experiment:
    return experiment.model_copy(update={"expect": None, "extends": None})


NETWORKS = [
    *("densenet-40-12", "densenet-100-12", "densenet-100-24"),
    *("densenet-bc-40-12", "densenet-bc-40-24", "densenet-bc-40-36"),
    *("densenet-bc-100-12", "densenet-bc-190-40", "densenet-bc-250-24"),
    *("densenet-121", "densenet-161", "densenet-169", "densenet-201", "densenet-264"),
    *("sparsenet-100-16-32-64", "sparsenet-bc-100-16-32-64", "condensenet-like-86", "hardnet-like"),
    *("fc-densenet-56", "fc-densenet-67", "fc-densenet-103", "unet-64"),
    *("article", "article-max", "article-log", "article-cross-block", "article-unet"),
]
STUDIES = ["speculations", "starter"]


def test_all_networks_and_no_others_are_there() -> None:
    assert sorted([*NETWORKS, *STUDIES]) == list(NAMES)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_names_its_source_and_its_published_result(name: str) -> None:
    about = presets.about(name)
    assert about.title.endswith(".")
    assert re.search(r"20\d\d|arXiv", about.source), about.source
    assert about.published
    assert "\n" not in f"{about.source}{about.published}"
    assert "Published:" not in about.source


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_expects_its_count(name: str) -> None:
    expect = document(name).experiment.expect
    assert expect
    assert expect.parameters_total


def test_about_joins_the_lines_of_one_heading() -> None:
    about = presets.about("densenet-121")
    assert about.title == "DenseNet-121, growth rate 32, on ImageNet."
    assert about.source == (
        "Huang et al., 2017 (arXiv 1608.06993), tables 1 and 3; official Lua code; "
        "keras.applications.DenseNet121, whose weights dnsearch import-weights takes"
    )
    assert about.published.startswith("25.02 % top-1 and 7.71 % top-5 error")
    assert presets.about("starter").published == ""


def test_is_valid_and_bears_its_own_name(preset: str) -> None:
    assert document(preset).experiment.name == preset


def test_opens_with_what_it_is_and_where_it_comes_from(preset: str) -> None:
    title, *comment = re.match(r"(?:#.*\n)+", document(preset).text)[0].splitlines()  # type: ignore[index]
    assert re.fullmatch(r"# \S.*\.", title)
    assert any(re.match(r"# Source: +\S", line) for line in comment), "\n".join(comment)
    assert max(map(len, document(preset).text.splitlines())) <= 110


def test_text_is_the_file_itself(preset: str) -> None:
    assert document(preset).text.encode() == presets.content(preset)


def test_is_loaded_alike_by_name_and_from_bytes(preset: str) -> None:
    content = presets.content(preset)
    assert parse(content, presets.file_name(preset)).experiment == document(preset).experiment


def test_written_out_it_is_the_same_experiment(preset: str) -> None:
    experiment = document(preset).experiment
    again = parse(resolved_yaml(experiment).encode(), "again.yaml").experiment
    assert again == without_expect(experiment)
    assert fingerprint(again) == fingerprint(experiment)
    assert resolved_yaml(again) == resolved_yaml(experiment)


def test_can_be_extended(preset: str) -> None:
    top = parse(f"name: mine\nextends: {preset}\n".encode(), "mine.yaml").experiment
    base = document(preset).experiment
    for section in ("network", "data", "training", "match", "limits", "tune"):
        assert getattr(top, section) == getattr(base, section)
    assert (top.name, top.extends, top.expect) == ("mine", preset, None)
    assert fingerprint(top) == fingerprint(base)


def test_the_papers_presets_say_what_the_paper_says() -> None:
    for name in ("densenet-40-12", "densenet-bc-100-12", "densenet-bc-250-24"):
        experiment = document(name).experiment
        layers, growth_rate = map(int, name.split("-")[-2:])
        network, training = experiment.network, experiment.training
        bottleneck = network.bottleneck_width is not None
        assert bottleneck == ("bc" in name)
        assert network.compression == (0.5 if bottleneck else 1.0)
        assert 4 + sum(network.layers_per_block) * (2 if bottleneck else 1) == layers
        assert network.growth_rate == growth_rate
        assert (network.dropout, network.dropout_after, network.pooling) == (0.2, "every", "avg")
        assert (training.epochs, training.batch_size, training.learning_rate) == (300, 64, 0.1)
        assert training.optimizer.model_dump() == {
            "name": "sgd",
            "momentum": 0.9,
            "nesterov": True,
            "weight_decay": 1e-4,
            "decay": "coupled",
            "decayed": "all",
        }
        assert training.schedule.model_dump() == {"name": "step", "at": (0.5, 0.75), "factor": 0.1}


def test_content_of_what_is_no_preset() -> None:
    for name in ("", "no", "article.yaml", "../presets/article", "__init__"):
        assert presets.content(name) == b""
        assert presets.file_name(name) == name


def test_a_preset_goes_before_a_file_of_its_name(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(str(tmp_path))
    with pytest.raises(SpecError):
        load("article.yaml")
    assert load("article").experiment.name == "article"
