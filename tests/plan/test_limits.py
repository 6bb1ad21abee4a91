"""A spec's network brought to its ``match``, held against its ``limits`` and its ``expect``."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dnsearch.data.facts import facts
from dnsearch.errors import SpecError
from dnsearch.plan.cost import cost
from dnsearch.plan.limits import Planned, planned
from dnsearch.plan.network import plan_network
from dnsearch.spec import presets
from dnsearch.spec.data_section import Facts
from dnsearch.spec.document import Document, fingerprint, load, parse, resolved_yaml

SHAPE = (32, 32, 3)
CLASSES = 10
FACTS = Facts(SHAPE, CLASSES, masks=None)


def document(network: str, more: str = "") -> Document:
    """A spec of four lines, the network on the second, and what comes below from the fifth on."""
    text = (
        f"version: 1\nnetwork: {{{network}}}\ndata: {{source: cifar10}}\n"
        f"training: {{epochs: 1, learning_rate: 0.1}}\n{more}\n"
    )
    return parse(text.encode(), "a.yaml")


def budget(network: str, more: str = "", *, limits: bool = True) -> Planned:
    return planned(document(network, more), FACTS, limits=limits)


def refused(network: str, more: str = "") -> str:
    with pytest.raises(SpecError) as caught:
        budget(network, more)
    return str(caught.value)


BC = "growth_rate: 12, layers_per_block: [16, 16, 16]"
BC_EACH = "growth_rate: [12, 12, 12], layers_per_block: [16, 16, 16]"


# Without match and limits


def test_the_plan_and_its_summary() -> None:
    spec = document(BC)
    found = planned(spec, FACTS)
    assert found.document is spec
    assert found.match is None
    assert found.plan == plan_network(spec.experiment.network, SHAPE, CLASSES)
    assert found.summary.cost == cost(found.plan)
    assert found.summary.cost.trainable == 769_162


@pytest.mark.parametrize(("optimizer", "numbers"), [("sgd", 1), ("adam", 2), ("adamw", 2)])
def test_what_an_optimizer_keeps(optimizer: str, numbers: int) -> None:
    spec = load("article", [f"training.optimizer={optimizer}"])
    found = planned(spec, FACTS).summary
    assert found.slots == numbers
    assert found.optimizer_bytes == 4 * numbers * found.cost.trainable


def test_the_batch_size_counts() -> None:
    memory = [
        planned(load("article", [f"training.batch_size={size}"]), FACTS).summary.training_memory_bytes
        for size in (1, 2, 3)
    ]
    assert memory[2] - memory[1] == memory[1] - memory[0] > 0


# match


def test_a_number_of_parameters() -> None:
    found = budget(BC_EACH + ", connectivity: log", "match: {parameters: 769162}")
    assert found.match
    assert (found.match.figure, found.match.target) == ("parameters", 769_162)
    assert found.match.reached == found.summary.cost.trainable == cost(found.plan).trainable
    assert abs(found.match.off) <= 0.02
    assert found.document.experiment.network.growth_rate == found.match.growth_rate
    assert found.document.experiment.match is None


def test_one_growth_rate_stays_one() -> None:
    found = budget("growth_rate: 30, layers_per_block: [16, 16, 16]", "match: {parameters: 769162}")
    assert found.match
    assert (found.match.growth_rate, found.match.off) == (12, 0)


def test_proportions_are_kept() -> None:
    found = budget("growth_rate: [8, 16, 32], layers_per_block: [8, 8, 8]", "match: {parameters: 8000000}")
    assert found.match
    assert isinstance(found.match.growth_rate, tuple)
    first, second, third = found.match.growth_rate
    assert abs(second - 2 * first) <= 3
    assert abs(third - 4 * first) <= 6


def test_a_number_of_multiply_adds() -> None:
    found = budget(BC_EACH + ", pooling: both", "match: {macs: 287900000}")
    assert found.match
    assert (found.match.figure, found.match.reached) == ("macs", found.summary.cost.macs)
    assert abs(found.match.reached / 287_900_000 - 1) <= 0.02


@pytest.mark.parametrize("figure", ["parameters", "macs"])
def test_another_spec_by_its_name(figure: str) -> None:
    found = budget(BC_EACH + ", connectivity: harmonic", f"match: {{{figure}: densenet-bc-100-12}}")
    rival = cost(plan_network(load("densenet-bc-100-12").experiment.network, SHAPE, CLASSES))
    assert found.match
    assert found.match.target == (rival.trainable if figure == "parameters" else rival.macs)


def test_another_spec_has_the_same_images() -> None:
    spec = document(BC_EACH, "match: {parameters: article}")
    for shape, classes in [((16, 16, 1), 10), ((32, 32, 3), 100)]:
        found = planned(spec, Facts(shape, classes)).match
        rival = cost(plan_network(load("article").experiment.network, shape, classes))
        assert found
        assert found.target == rival.trainable


def test_another_spec_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "rival.yaml").write_text("extends: article\nnetwork: {growth_rate: 10}\n", encoding="utf-8")
    found = budget(BC_EACH, f"match: {{parameters: {tmp_path / 'rival.yaml'}}}")
    assert found.match
    assert found.match.target < 489_160


def test_a_unet_is_matched_too() -> None:
    spec = load("article-unet", ["match.parameters=1000000", "network.growth_rate=[1, 1, 1, 1, 1]"])
    found = planned(spec, Facts((256, 256, 1), 2, masks=True))
    assert found.match
    assert found.match.reached == found.summary.cost.trainable
    assert abs(found.match.off) <= 0.02


def test_nothing_closer_lies_nearby() -> None:
    """One step up or down in any block is no better than what was found."""
    found = budget(BC_EACH + ", connectivity: log", "match: {parameters: 600000}")
    assert found.match
    assert isinstance(found.match.growth_rate, tuple)
    for block in range(3):
        for step in (-1, 1):
            rates = list(found.match.growth_rate)
            rates[block] += step
            other = document(f"growth_rate: {rates}, layers_per_block: [16, 16, 16], connectivity: log")
            count = cost(plan_network(other.experiment.network, SHAPE, CLASSES)).trainable
            assert abs(count - 600_000) >= abs(found.match.reached - 600_000)


def test_a_compression_that_keeps_nothing_of_few_channels_is_no_obstacle() -> None:
    found = budget(
        "growth_rate: [40, 40], layers_per_block: [4, 4], compression: 0.01", "match: {parameters: 600000}"
    )
    assert found.match
    assert abs(found.match.off) <= 0.02


# match, refused


def test_too_far_away() -> None:
    assert (
        refused(BC, "match: {parameters: 800000}")
        == """\
a.yaml:5:8  match
  expected a growth rate that brings parameters within 2% of 800,000, found 769,162 at growth_rate 12, -3.9%

   4 | training: {epochs: 1, learning_rate: 0.1}
   5 | match: {parameters: 800000}
     |        ^
  With growth_rate as a list, one per block, each is rounded on its own and comes closer."""
    )


def test_too_far_away_with_a_list() -> None:
    said = refused("growth_rate: [4, 4], layers_per_block: [1, 1]", "match: {parameters: 100}")
    assert "within 2% of 100, found 203" in said
    assert "at growth_rate [1, 1], +" in said
    assert said.endswith("Change layers_per_block, bottleneck_width or the budget.")


def test_the_largest_growth_rate_is_not_enough() -> None:
    assert "at growth_rate 1024, -" in refused(BC, "match: {parameters: 1000000000000}")


@pytest.mark.parametrize("other", ["", ", growth_rate: 12, layers_per_block: [2, 2]"])
def test_no_growth_rate(other: str) -> None:
    said = refused(f"family: unet, unit: conv, channels: [8, 16]{other}", "match: {macs: 1000}")
    assert said.startswith("a.yaml:5:8  match\n  expected a network with a growth rate to solve for\n")


@pytest.mark.parametrize(
    "network",
    [
        "growth_rate: 4, layers_per_block: [256, 256]",
        "growth_rate: [4, 4, 4, 4], layers_per_block: [256, 256, 256, 256], connectivity: chain",
    ],
)
def test_too_large_to_try_many_variants(network: str) -> None:
    said = refused(network, "match: {parameters: 769162}")
    assert said.startswith(
        "a.yaml:5:8  match\n  expected a network of which many variants can be tried in a second, found one"
    )
    assert said.endswith("Use fewer layers, or set growth_rate by hand.")


def test_a_missing_rival() -> None:
    assert (
        refused(BC, "match: {parameters: artcle}")
        == """\
a.yaml:5:21  match.parameters
  no such preset or file; did you mean article?

   4 | training: {epochs: 1, learning_rate: 0.1}
   5 | match: {parameters: artcle}
     |                     ^^^^^^"""
    )


def test_a_rival_with_a_match_of_its_own() -> None:
    said = refused(BC, "match: {parameters: article-log}")
    assert said.startswith(
        "a.yaml:5:21  match.parameters\n  expected a spec without a match of its own, found article-log\n"
    )
    assert said.endswith("Match what that one matches.")


def test_a_rival_that_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rival.yaml"
    path.write_text("extends: article\nnetwork: {growth_rate: 0}\n", encoding="utf-8")
    said = refused(BC, f"match: {{macs: {path}}}")
    assert said.startswith(f"{path}:2:24  network.growth_rate\n  expected a whole number from 1 to 1024")


def test_a_rival_that_does_not_fit_the_images_is_named() -> None:
    spec = document(BC, "match: {macs: unet-64}")
    with pytest.raises(SpecError) as caught:
        planned(spec, Facts((24, 24, 1), CLASSES, masks=None))
    assert str(caught.value).startswith(
        "unet-64.yaml:10:13  network.channels\n  expected sides that are multiples"
    )


# limits


@pytest.mark.parametrize(
    ("limits", "place", "said"),
    [
        (
            "parameters: 769161",
            "5:22",
            "limits.parameters\n  expected at most 769,161 trainable parameters, found 769,162",
        ),
        (
            "macs: 1000",
            "5:16",
            "limits.macs\n  expected at most 1,000 multiply-adds for one image, found 287,",
        ),
        (
            "training_memory_bytes: 1",
            "5:33",
            "limits.training_memory_bytes\n  expected at most 1 bytes for a training step, found 2,",
        ),
    ],
)
def test_more_than_a_limit(limits: str, place: str, said: str) -> None:
    found = refused(BC, f"limits: {{{limits}}}")
    assert found.startswith(f"a.yaml:{place}  {said}")
    field = limits.partition(":")[0]
    assert found.endswith(
        f"Make the network smaller, raise limits.{field}, or lift all limits with --no-limits."
    )


def test_exactly_a_limit() -> None:
    assert budget(BC, "limits: {parameters: 769162}").summary.cost.trainable == 769_162


def test_every_limit_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        budget(BC, "limits: {training_memory_bytes: 1, macs: 1, parameters: 1}")
    assert [problem.where for problem in caught.value.problems] == [
        *("limits.parameters", "limits.macs", "limits.training_memory_bytes"),
    ]


def test_limits_can_be_lifted() -> None:
    found = budget(BC, "limits: {parameters: 1, macs: 1}", limits=False)
    assert found.summary.cost.trainable == 769_162


@pytest.mark.parametrize(
    "limits", ["{parameters: null, macs: null}", "{macs: null, parameters: 100000000000}"]
)
def test_no_limit_is_no_limit(limits: str) -> None:
    wide = "growth_rate: 1024, layers_per_block: [8, 8], bottleneck_width: 64"
    assert budget(wide, f"limits: {limits}").summary.cost.trainable > 1_000_000_000
    assert refused(wide)


def test_a_default_limit_points_at_the_network() -> None:
    said = refused("growth_rate: 1024, layers_per_block: [8, 8], bottleneck_width: 64")
    first = said.splitlines()
    assert first[0] == "a.yaml:2:10  network"
    assert first[1].startswith("  expected at most 1,000,000,000 trainable parameters, found ")
    assert "raise limits.parameters" in said


def test_limits_hold_after_the_match() -> None:
    said = refused(BC_EACH, "match: {parameters: 2000000}\nlimits: {parameters: 1000000}")
    assert "limits.parameters" in said
    assert budget(BC, "match: {parameters: 769162}\nlimits: {parameters: 769162}").match


MOST = [256] * 8
HUGE = {
    "10^12 parameters": "growth_rate: 1024, layers_per_block: [256, 256, 256], bottleneck_width: 64",
    "as many layers as there may be": f"growth_rate: 1024, layers_per_block: {MOST}, bottleneck_width: 64",
    "of one channel": f"growth_rate: 1, layers_per_block: {MOST}, bottleneck_width: 1",
    "a U-Net": f"family: unet, growth_rate: 1024, layers_per_block: {MOST}",
    "a U-Net of convolutions": f"family: unet, unit: conv, channels: {[65_536] * 8}, convolutions: 16",
    "linked": f"growth_rate: 64, layers_per_block: {MOST}, cross_block: all, activation: prelu",
    "random": f"growth_rate: 64, layers_per_block: {MOST}, connectivity: {{name: random, probability: 1}}",
    "matched": f"growth_rate: 1, layers_per_block: {MOST}",
    "matched, by block": f"growth_rate: {[1] * 8}, layers_per_block: {[30] * 8}, connectivity: chain",
}
CHILD = """
import json, sys, time
from dnsearch.plan.limits import planned
from dnsearch.errors import SpecError
from dnsearch.spec.data_section import Facts
from dnsearch.spec.document import parse

for name, text in json.load(sys.stdin).items():
    start = time.process_time()
    try:
        planned(parse(text.encode(), "a.yaml"), Facts((4096, 4096, 3), 1000, masks=None))
        said = ""
    except SpecError as error:
        said = str(error)
    seconds = time.process_time() - start
    # ru_maxrss would begin with the size of the process that started this one.
    status = open("/proc/self/status").read()
    kibibytes = int(status.partition("VmHWM:")[2].split()[0])
    print(json.dumps([name, seconds, kibibytes, said]), flush=True)
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, tuple[float, int, str]]:
    """Processor seconds, the most memory so far in KiB, and what was said, spec by spec."""
    texts = {
        name: document(network, "match: {parameters: 300000000}" * name.startswith("matched")).text
        for name, network in HUGE.items()
    }
    ran = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    return {name: (seconds, kibibytes, said) for name, seconds, kibibytes, said in told}


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/status is Linux's")
@pytest.mark.parametrize("name", HUGE)
def test_huge_networks_are_answered_soon(name: str, answers: dict[str, tuple[float, int, str]]) -> None:
    seconds, kibibytes, said = answers[name]
    assert said.startswith("a.yaml"), said
    assert seconds < 1
    assert kibibytes < 300 * 1024


# expect


def test_what_is_expected_is_found() -> None:
    expected = "expect: {parameters: 769162, parameters_total: 793150, macs: 287930928}"
    found = budget(BC).summary.cost
    assert (found.trainable, found.parameters) == (769_162, 793_150)
    assert budget(BC, expected.replace("287930928", str(found.macs)))


def test_what_is_expected_is_not_found() -> None:
    assert (
        refused(BC, "expect: {parameters_total: 793151}")
        == """\
a.yaml:5:28  expect.parameters_total
  expected what the plan has: 793,150, found 793,151

   4 | training: {epochs: 1, learning_rate: 0.1}
   5 | expect: {parameters_total: 793151}
     |                            ^^^^^^"""
    )


def test_expectations_and_limits_together() -> None:
    said = refused(BC, "expect: {parameters: 1, macs: 2}\nlimits: {macs: 3}")
    assert [line for line in said.splitlines() if line.startswith("a.yaml")] == [
        "a.yaml:5:22  expect.parameters",
        "a.yaml:5:31  expect.macs",
        "a.yaml:6:16  limits.macs",
    ]


def test_expectations_are_of_the_matched_network() -> None:
    assert budget(
        "growth_rate: 99, layers_per_block: [16, 16, 16]",
        "match: {parameters: 769162}\nexpect: {parameters: 769162}",
    )


def test_a_network_that_does_not_fit_points_at_its_field() -> None:
    said = refused("growth_rate: 2, layers_per_block: [1, 1, 1, 1, 1, 1, 1]")
    assert said.startswith(
        "a.yaml:2:45  network.layers_per_block\n  expected transition6 to have at least 2x2 pixels"
    )
    said = refused("growth_rate: 2, layers_per_block: [1, 1], cross_block: {links: all, compression: 0.01}")
    assert said.startswith(
        "a.yaml:2:92  network.cross_block.compression\n  expected links2_from1 to keep at least 1"
    )
    said = refused("growth_rate: 2, layers_per_block: [1, 1], cross_block: {links: [[2, 1]]}")
    assert said.startswith(
        "a.yaml:2:74  network.cross_block.links\n  expected pairs [from, to] with from before to"
    )


# The document with its growth rate


def test_with_growth() -> None:
    spec = document(
        BC_EACH, "match: {parameters: 1}\nlimits: {macs: 5}\ntune: {parameters: {training.epochs: [1]}}"
    )
    grown = spec.with_growth((4, 5, 6))
    assert grown.experiment.network.growth_rate == (4, 5, 6)
    assert grown.experiment.match is None
    assert grown.experiment.limits == spec.experiment.limits
    assert grown.experiment.tune == spec.experiment.tune
    assert grown.text == spec.text
    assert spec.experiment.match
    assert spec.with_growth(7).experiment.network.growth_rate == 7


def test_with_growth_keeps_expectations_and_places() -> None:
    spec = document(BC, "match: {parameters: 769162}\nexpect: {macs: 1}")
    assert spec.with_growth(12).experiment.expect == spec.experiment.expect
    assert refused(BC, "match: {parameters: 769162}\nexpect: {macs: 1}").startswith(
        "a.yaml:6:16  expect.macs"
    )


def test_with_an_impossible_growth() -> None:
    with pytest.raises(SpecError) as caught:
        document(BC).with_growth(0)
    assert str(caught.value).startswith(
        "match:1:1  network.growth_rate\n  expected a whole number from 1 to 1024"
    )


def test_a_matched_spec_written_out_is_the_same_network() -> None:
    found = planned(load("article-log"), FACTS)
    again = parse(resolved_yaml(found.document.experiment).encode(), "again.yaml")
    assert fingerprint(again.experiment) == fingerprint(found.document.experiment)
    assert planned(again, FACTS).plan == found.plan


def test_a_trials_values_are_matched_anew() -> None:
    spec = load("article-log")
    trial = spec.with_values({"network.connectivity": "harmonic"}, "trial 1")
    before, after = (planned(each, FACTS).match for each in (spec, trial))
    assert before
    assert after
    assert before.target == after.target
    assert before.growth_rate != after.growth_rate


# The presets


@pytest.mark.parametrize("name", presets.names())
def test_every_preset_is_what_it_expects(name: str) -> None:
    spec = load(name)
    known = facts(spec.experiment.data)
    found = planned(spec, known)
    assert (found.match is None) == (spec.experiment.match is None)
    if found.match:
        assert abs(found.match.off) <= 0.02


@pytest.mark.parametrize("name", ["article-log", "article-cross-block"])
def test_the_articles_variants_are_fair_rivals(name: str) -> None:
    found = planned(load(name), FACTS).match
    assert found
    assert found.target == 489_160


# Frozen parts


def test_averaged_weights_are_kept_too() -> None:
    assert planned(load("article", ["training.ema=0.9"]), FACTS).summary.slots == 3
    assert planned(load("article", ["training.ema=0.9", "training.optimizer=lion"]), FACTS).summary.slots == 2


@pytest.mark.parametrize(
    ("frozen", "said"),
    [
        (
            "[stem, block2, blok1, top]",
            "expected parts of the network: stem, block1, transition1, block2, head, found blok1, top",
        ),
        (
            "[stem, block1, transition1, block2, head]",
            "expected at least one part that is trained, found all frozen",
        ),
    ],
)
def test_frozen_parts_that_there_are_not_or_all(frozen: str, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        planned(load("starter", [f"training.freeze={frozen}"]), Facts((8, 8, 1), CLASSES))
    assert str(caught.value).startswith("--set:1:17  training.freeze\n  ")
    assert said in str(caught.value)


def test_frozen_parts() -> None:
    planned(load("starter", ["training.freeze=[stem, transition1]"]), Facts((8, 8, 1), CLASSES))


def test_a_crop_that_can_lose_the_image() -> None:
    with pytest.raises(SpecError) as caught:
        planned(load("starter", ["training.augmentation.crop=8"]), Facts((8, 12, 1), CLASSES))
    assert str(caught.value).startswith(
        "--set:1:28  training.augmentation.crop\n  expected less than the images' 8 pixels, found 8\n"
    )
    assert "It pads so many pixels on each side; the paper takes 4 of 32." in str(caught.value)
    planned(load("starter", ["training.augmentation.crop=7"]), Facts((8, 12, 1), CLASSES))


# Small images of early epochs


def with_size(size: str, network: str = "growth_rate: 4, layers_per_block: [1, 1, 1]") -> str:
    text = (
        f"version: 1\nnetwork: {{{network}}}\ndata: {{source: cifar10}}\n"
        f"training: {{epochs: 9, learning_rate: 0.1, progressive: [{{epochs: 3, image_size: {size}}}]}}\n"
    )
    try:
        planned(parse(text.encode(), "a.yaml"), FACTS)
    except SpecError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("size", ["[16, 16]", "[32, 31]", "[4, 5]"])
def test_a_smaller_size_that_the_network_can_be_built_for(size: str) -> None:
    assert with_size(size) == ""


@pytest.mark.parametrize("size", ["[32, 32]", "[16, 33]", "[40, 40]"])
def test_a_size_that_is_not_smaller_is_refused(size: str) -> None:
    assert with_size(size).startswith(
        "a.yaml:4:81  training.progressive.0.image_size\n"
        f"  expected smaller than the images, [32, 32], found {size}\n"
    )


def test_a_size_that_the_network_cannot_be_built_for_is_refused_with_the_reason() -> None:
    said = with_size("[16, 3]")
    assert said.startswith(
        "a.yaml:4:81  training.progressive.0.image_size\n"
        "  expected a size that the network can be built for, found [16, 3]\n"
    )
    assert said.endswith(
        "  network.layers_per_block: expected transition2 to have at least 2x2 pixels to pool, found 8x1."
    )


def test_what_a_network_costs_is_counted_for_whole_images() -> None:
    whole = budget("growth_rate: 4, layers_per_block: [1, 1, 1]").summary
    text = "version: 1\nnetwork: {growth_rate: 4, layers_per_block: [1, 1, 1]}\ndata: {source: cifar10}\n"
    text += "training: {epochs: 9, learning_rate: 0.1, progressive: [{epochs: 3, image_size: [8, 8]}]}\n"
    assert planned(parse(text.encode(), "a.yaml"), FACTS).summary == whole


@pytest.mark.parametrize(
    ("family", "source", "masks", "said"),
    [
        ("unet", "digits", False, "expected densenet, since digits has one label per image, found unet\n"),
        (
            "densenet",
            "scenes",
            True,
            "expected unet, since every pixel of scenes has a label, found densenet",
        ),
    ],
)
def test_a_network_that_answers_another_question_than_the_data_asks(
    family: str, source: str, masks: bool, said: str
) -> None:
    text = f"version: 1\nnetwork: {{family: {family}, growth_rate: 4, layers_per_block: [2, 2]}}\n"
    text += f"data: {{source: {source}}}\ntraining: {{epochs: 1, learning_rate: 0.1}}\n"
    spec = parse(text.encode(), "a.yaml")
    with pytest.raises(SpecError) as caught:
        planned(spec, Facts(SHAPE, CLASSES, masks=masks))
    assert f"network.family\n  {said}" in str(caught.value)
    assert "Set network.family: " in str(caught.value)
    assert (
        planned(spec, Facts(SHAPE, CLASSES, masks=None)).plan
        == planned(spec, Facts(SHAPE, CLASSES, masks=not masks)).plan
    )
