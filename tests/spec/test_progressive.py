"""Stages of a training and the fidelity of a search: what fits together, and what is said otherwise."""

import pytest

from dnsearch.spec.document import load, parse, resolved_yaml, settings
from dnsearch.spec.training import Stage, epochs_by_size, in_words, share_at

UNET = """\
version: 1
network: {family: unet, growth_rate: 4, layers_per_block: [2, 2]}
data: {source: scenes}
training: {epochs: 9, learning_rate: 0.1, progressive: [STAGE]}
"""
TUNE = "tune: {fidelity: FIDELITY, pruner: PRUNER, parameters: {network.growth_rate: [2, 4]}}\n"


def stages(minimal, *written, epochs=9):
    text = minimal.replace("epochs: 2", f"epochs: {epochs}")
    return f"{text}  progressive:\n" + "".join(f"    - {{{stage}}}\n" for stage in written)


def searched(minimal, fidelity, pruner="halving"):
    return minimal + TUNE.replace("FIDELITY", fidelity).replace("PRUNER", pruner)


def test_no_stages_is_the_paper(minimal):
    found = parse(minimal.encode(), "a.yaml").experiment
    assert found.training.progressive == ()
    assert settings(found)["training.progressive"] == []
    assert [share_at((), epoch) for epoch in (1, 2)] == [1.0, 1.0]
    assert list(epochs_by_size((), 2)) == [(range(1, 3), None)]


def test_stages_are_read_and_written_back(minimal):
    text = stages(minimal, "epochs: 3, examples: 0.25, image_size: [4, 5]", "epochs: 6, examples: 0.5")
    found = parse(text.encode(), "a.yaml").experiment
    expected = (Stage(epochs=3, examples=0.25, image_size=(4, 5)), Stage(epochs=6, examples=0.5))
    assert found.training.progressive == expected
    assert parse(resolved_yaml(found).encode(), "b.yaml").experiment.training == found.training


def test_one_stage_can_be_changed_alone(minimal, tmp_path):
    (tmp_path / "a.yaml").write_text(stages(minimal, "epochs: 3, examples: 0.25", "epochs: 6, examples: 0.5"))
    found = load(str(tmp_path / "a.yaml"), ["training.progressive.1.examples=0.75"]).experiment
    assert [stage.examples for stage in found.training.progressive] == [0.25, 0.75]


def test_shares_and_sizes():
    found = (
        Stage(epochs=2, examples=0.1, image_size=(4, 4)),
        Stage(epochs=3, image_size=(4, 4)),
        Stage(epochs=5, examples=0.5, image_size=(6, 6)),
        Stage(epochs=7, examples=0.5),
    )
    assert [share_at(found, epoch) for epoch in range(1, 10)] == [0.1, 0.1, 1, 0.5, 0.5, 0.5, 0.5, 1, 1]
    sizes = [(range(1, 4), (4, 4)), (range(4, 6), (6, 6)), (range(6, 10), None)]
    assert list(epochs_by_size(found, 9)) == sizes


def test_in_words():
    assert in_words((Stage(epochs=2, examples=1 / 3),)) == (
        "to epoch 2: 33.3 % of the images; then all as they are"
    )


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            ["epochs: 9, examples: 0.5"],
            "a.yaml:11:16  training.progressive.0.epochs\n"
            "  expected less than the training's 9 epochs: its last ones see all images as they are, "
            "found 9\n",
        ),
        (
            ["epochs: 4, examples: 0.5", "epochs: 4, examples: 0.7"],
            "a.yaml:12:16  training.progressive.1.epochs\n"
            "  expected more than 4, where the stage before it ends, found 4\n",
        ),
        (
            ["epochs: 4, examples: 1.0"],
            "a.yaml:11:7  training.progressive.0\n"
            "  expected fewer or smaller images; this stage changes nothing\n",
        ),
        (
            ["epochs: 4, examples: 0.5", "epochs: 5, examples: 0.5"],
            "a.yaml:12:7  training.progressive.1\n  expected other images than in the stage before it\n",
        ),
        (
            ["epochs: 4, examples: 0"],
            "a.yaml:11:29  training.progressive.0.examples\n  expected a number above",
        ),
        (
            ["epochs: 4, image_size: 4"],
            "a.yaml:11:31  training.progressive.0.image_size\n  expected a list of 2",
        ),
        (["examples: 0.5"], "a.yaml:11:7  training.progressive.0.epochs\n  missing: a whole number"),
    ],
)
def test_a_stage_that_does_not_fit(minimal, refused, written, said):
    assert str(refused(stages(minimal, *written))).startswith(said)


def test_every_way_out_is_said(minimal, refused):
    nothing = str(refused(stages(minimal, "epochs: 4")))
    assert nothing.endswith("Set examples below 1 or an image_size, or leave the stage out.")
    twice = str(refused(stages(minimal, "epochs: 4, examples: 0.5", "epochs: 5, examples: 0.5")))
    assert twice.endswith("Make one stage of the two.")


def test_a_u_net_may_see_fewer_images_but_no_smaller_ones(refused):
    parse(UNET.replace("STAGE", "{epochs: 3, examples: 0.5}").encode(), "a.yaml")
    error = str(refused(UNET.replace("STAGE", "{epochs: 3, image_size: [16, 16]}")))
    assert error.startswith(
        "a.yaml:4:81  training.progressive.0.image_size\n"
        "  expected null for a U-Net: classes have no average, found [16, 16]\n"
    )
    assert error.endswith("Use examples.")


def test_a_u_net_is_searched_by_examples_not_by_size(refused):
    text = UNET.replace(", progressive: [STAGE]", "")
    parse(searched(text, "examples").encode(), "a.yaml")
    assert str(refused(searched(text, "image_size"))).startswith(
        "a.yaml:5:18  tune.fidelity\n"
        "  expected epochs or examples for a U-Net: classes have no average, found image_size\n"
    )


@pytest.mark.parametrize("pruner", ["median", "none"])
def test_a_fidelity_needs_rungs(minimal, refused, pruner):
    parse(searched(minimal, "epochs", pruner).encode(), "a.yaml")
    error = str(refused(searched(minimal, "examples", pruner)))
    assert error.startswith(
        "a.yaml:10:18  tune.fidelity\n"
        f"  expected epochs with pruner {pruner}, which has no rungs, found examples\n"
    )
    assert error.endswith("Set pruner: halving or hyperband, or leave fidelity out.")


@pytest.mark.parametrize("searching", [False, True])
def test_stages_are_the_spec_s_or_the_search_s(minimal, refused, searching):
    text = stages(minimal, "epochs: 3, examples: 0.5")
    if searching:
        text = minimal
    tuned = searched(text, "examples")
    if searching:
        choices = "training.progressive: {choices: {none: [], some: [{epochs: 1, examples: 0.5}]}}"
        tuned = tuned.replace("network.growth_rate: [2, 4]", choices)
    error = str(refused(tuned))
    assert "  tune.fidelity\n  expected epochs with training.progressive, which the search would" in error
    assert error.endswith("Remove one of the two.")


def test_stages_can_be_searched_themselves(minimal):
    choices = "training.progressive: {choices: {none: [], some: [{epochs: 1, examples: 0.5}]}}"
    tuned = searched(minimal, "epochs").replace("network.growth_rate: [2, 4]", choices)
    assert set(parse(tuned.encode(), "a.yaml").experiment.tune.parameters) == {"training.progressive"}


def test_stages_that_a_search_fills_in_settle_its_fidelity(minimal):
    document = parse(searched(minimal.replace("epochs: 2", "epochs: 9"), "examples").encode(), "a.yaml")
    found = document.with_stages([Stage(epochs=3, examples=0.5)])
    assert found.experiment.training.progressive == (Stage(epochs=3, examples=0.5),)
    assert found.experiment.tune == document.experiment.tune.model_copy(update={"fidelity": "epochs"})
    assert found.text == document.text
    assert parse(resolved_yaml(found.experiment).encode(), "b.yaml").experiment == found.experiment
