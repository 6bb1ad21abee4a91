"""What a person reads when a spec is wrong: every message, its place and its way out."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dnsearch.errors import Place, Problem, SpecError
from dnsearch.spec import validation_errors
from dnsearch.spec.document import MAX_EXTENDS, Document, load, parse

SECTIONS = "version, name, extends, network, data, training, match, limits, tune, compare, expect"
GROWTH = "a whole number from 1 to 1024 or a list of 1 to 8 values"

Refused = Callable[[str], SpecError]


def changed(text: str, pattern: str, by: str) -> str:
    """A spec with one stretch of its text exchanged."""
    after, count = re.subn(pattern, by.replace("\\", "\\\\"), text, count=1, flags=re.MULTILINE)
    assert count == 1, pattern
    return after


def short(error: SpecError) -> list[str]:
    """Place, path and first sentence of every problem, one line each."""
    return [re.sub(r"\n +", " | ", "\n".join(str(problem).splitlines()[:2])) for problem in error.problems]


def written(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def load_error(name: str, *overrides: str) -> SpecError:
    with pytest.raises(SpecError) as caught:
        load(name, overrides)
    return caught.value


# The whole text


def test_a_problem_in_full(minimal: str, refused: Refused) -> None:
    error = refused(changed(minimal, "growth_rate: 12", "growth_rate: -12"))
    assert (
        str(error)
        == """\
a.yaml:3:16  network.growth_rate
  expected a whole number from 1 to 1024, found -12

   2 | network:
   3 |   growth_rate: -12
     |                ^^^
  growth_rate is the paper's k, the channels that each layer adds; its DenseNet-BC nets for CIFAR use 12, \
24 and 40. A list gives one per block (SparseNet: [16, 32, 64])."""
    )


def test_every_problem_at_once_in_the_order_of_the_text(refused: Refused) -> None:
    error = refused(
        """\
# a comment
version: 2
training:
  epochs: 0
  lr: 0.1
network: {layers_per_block: [4, x, 0], growth_rate: ten, pooling: min}
data:
  source: mnist
"""
    )
    assert short(error) == [
        "a.yaml:2:10  version | expected 1, found 2",
        "a.yaml:4:11  training.epochs | expected a whole number from 1 to 100000, found 0",
        "a.yaml:5:3  training.lr | unknown key; did you mean learning_rate?",
        "a.yaml:6:33  network.layers_per_block.1 | expected a whole number from 1 to 256, found x",
        "a.yaml:6:36  network.layers_per_block.2 | expected a whole number from 1 to 256, found 0",
        f"a.yaml:6:53  network.growth_rate | expected {GROWTH}, found ten",
        "a.yaml:6:67  network.pooling | expected avg, max, both or conv, found min",
        "a.yaml:8:11  data.source | expected digits, scenes, cifar10, cifar100, svhn, idx, npz, folder, "
        "csv or masks, found mnist",
    ]


def test_problems_are_set_apart_by_an_empty_line(minimal: str, refused: Refused) -> None:
    error = refused(minimal + "a: 1\nb: 2\n")
    assert str(error) == "\n\n".join(map(str, error.problems))
    assert error.exit_code == 2


# Unknown keys


@pytest.mark.parametrize(
    ("section", "key", "said"),
    [
        ("network", "grwth_rate", "did you mean growth_rate?"),
        ("network", "Pooling", "did you mean pooling?"),
        ("network", "reduction", "did you mean compression?"),
        ("network", "theta", "did you mean compression?"),
        ("network", "k", "did you mean growth_rate?"),
        ("network", "nb_filter", "did you mean stem?"),
        ("network", "depth", "did you mean layers_per_block?"),
        ("network", "blocks", "did you mean layers_per_block?"),
        ("network", "nb_layers", "did you mean layers_per_block?"),
        ("network", "bottleneck", "did you mean bottleneck_width?"),
        ("network", "bias", "did you mean convolution_bias?"),
        ("network", "negative_slope", "did you mean alpha?"),
        ("data", "dataset", "did you mean source?"),
        ("training", "augment", "did you mean augmentation?"),
        ("training", "lr", "did you mean learning_rate?"),
        ("training", "LR", "did you mean learning_rate?"),
        ("training", "batch", "did you mean batch_size?"),
    ],
)
def test_unknown_keys(section: str, key: str, said: str, minimal: str, refused: Refused) -> None:
    error = refused(changed(minimal, f"^{section}:$", f"{section}:\n  {key}: 1"))
    (problem,) = error.problems
    assert (problem.where, problem.expected) == (f"{section}.{key}", f"unknown key; {said}")
    assert problem.place
    assert (problem.place.column, problem.place.width) == (3, len(key))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("model", "did you mean network?"),
        ("train", "did you mean training?"),
        ("search", "did you mean tune?"),
        ("Version", "did you mean version?"),
        ("zzz", f"there are {SECTIONS}"),
    ],
)
def test_unknown_sections(key: str, said: str, minimal: str, refused: Refused) -> None:
    assert short(refused(f"{minimal}{key}: 1\n")) == [f"a.yaml:10:1  {key} | unknown key; {said}"]


def test_every_other_name_is_one_of_a_field(minimal: str) -> None:
    fields = set(re.findall(r"\w+", str(parse(minimal.encode(), "a.yaml").experiment.model_dump())))
    fields |= {"parameters"}
    assert validation_errors.OTHER_NAMES.keys() <= fields
    assert not fields & {name for names in validation_errors.OTHER_NAMES.values() for name in names}


@pytest.mark.parametrize(
    ("line", "guess"),
    [
        ("reduction: 0.5", "network.compression"),
        ("epochs: 3", "training.epochs"),
        ("momentum: 0.5", "training.optimizer.momentum"),
    ],
)
def test_a_field_of_another_section_is_named_with_its_path(
    minimal: str, refused: Refused, line: str, guess: str
) -> None:
    said = f"a.yaml:10:1  {line.partition(':')[0]} | unknown key; did you mean {guess}?"
    assert short(refused(f"{minimal}{line}\n")) == [said]


def test_an_unknown_key_that_resembles_nothing(minimal: str, refused: Refused) -> None:
    said = f"a.yaml:10:1  zzz | unknown key; there are {SECTIONS}"
    assert short(refused(f"{minimal}zzz: 1\n")) == [said]


def test_a_misspelt_key_is_not_missing_as_well(minimal: str, refused: Refused) -> None:
    (problem,) = refused(changed(minimal, "growth_rate", "growthrate")).problems
    assert problem.expected == "unknown key; did you mean growth_rate?"


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ('epochs: "3"', "It is text; remove the quotes: 3"),
        ('learning_rate: "1e-3"', "It is text; remove the quotes: 1e-3"),
        ("epochs: three", "Passes over the training images. The paper: 300 on CIFAR, 40 on SVHN."),
    ],
)
def test_a_quoted_number(minimal: str, refused: Refused, line: str, hint: str) -> None:
    field = line.partition(":")[0]
    (problem,) = refused(changed(minimal, f"{field}: [^,}}\n]*", line)).problems
    assert problem.hint == hint


def test_a_key_without_colon(minimal: str, refused: Refused) -> None:
    (problem,) = refused(f"{minimal}limits:\n  macs 2\n").problems
    assert problem.hint == "A colon is missing: write macs: 2"


def test_unknown_keys_deeper(minimal: str, refused: Refused) -> None:
    error = refused(changed(minimal, "^data:", "  stem:\n    chanels: 24\n    zzz: 1\ndata:"))
    assert short(error) == [
        "a.yaml:6:5  network.stem.chanels | unknown key; did you mean channels?",
        "a.yaml:7:5  network.stem.zzz | unknown key; there are channels, kernel, stride, normalize, pooling",
    ]


# Missing keys


def test_everything_is_missing(refused: Refused) -> None:
    assert short(refused("{}")) == [
        "a.yaml:1:1  version | missing: 1",
        "a.yaml:1:1  network | missing: a mapping",
        "a.yaml:1:1  data | missing: a mapping",
        "a.yaml:1:1  training | missing: a mapping",
    ]


def test_missing_keys_point_at_their_section_and_say_what_they_are(minimal: str, refused: Refused) -> None:
    error = refused(changed(minimal, "  growth_rate: 12\n", ""))
    assert (
        str(error)
        == """\
a.yaml:3:3  network.growth_rate
  missing: a whole number from 1 to 1024 or a list of 1 to 8 values

   2 | network:
   3 |   layers_per_block: [2, 2]
     |   ^
  growth_rate is the paper's k, the channels that each layer adds; its DenseNet-BC nets for CIFAR use 12, \
24 and 40. A list gives one per block (SparseNet: [16, 32, 64])."""
    )


@pytest.mark.parametrize("text", ["[1, 2]", "hello", "12", "~", "---"])
def test_not_a_mapping(text: str, refused: Refused) -> None:
    assert refused(text).problems[0].expected == (
        "expected a mapping with version, network, data and training"
    )


@pytest.mark.parametrize("value", ["", "3", "[1]", "text", "null"])
def test_a_section_that_is_none(value: str, minimal: str, refused: Refused) -> None:
    text = changed(minimal, "network:\n.*\n.*\n", f"network: {value}\n")
    (problem,) = refused(text).problems
    assert (problem.where, problem.expected) == ("network", "a mapping")
    assert problem.found == (value or "null")


# Wrong values


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("growth_rate", "12.0", "expected a whole number from 1 to 1024, found 12.0"),
        ("growth_rate", "true", f"expected {GROWTH}, found true"),
        ("growth_rate", "1025", "expected a whole number from 1 to 1024, found 1025"),
        ("growth_rate", "null", f"expected {GROWTH}, found null"),
        ("growth_rate", "0.5", "expected a whole number from 1 to 1024, found 0.5"),
        ("growth_rate", "[]", "expected a list of 1 to 8 values, found []"),
        ("growth_rate", "{a: b}", f'expected {GROWTH}, found {{"a": "b"}}'),
        ("growth_rate", "9" * 99, f"expected a whole number from 1 to 1024, found {'9' * 57}..."),
        ("growth_rate", "x y", f'expected {GROWTH}, found "x y"'),
        ("growth_rate", "größer", f"expected {GROWTH}, found größer"),
        ("layers_per_block", "[]", "expected a list of 1 to 8 values, found []"),
        ("layers_per_block", "16", "expected a list of 1 to 8 values, found 16"),
        (
            "layers_per_block",
            "[1, 2, 3, 4, 5, 6, 7, 8, 9]",
            "expected a list of 1 to 8 values, found [1, 2, 3, 4, 5, 6, 7, 8, 9]",
        ),
        (
            "source",
            "cifar",
            "expected digits, scenes, cifar10, cifar100, svhn, idx, npz, folder, csv or masks, found cifar",
        ),
        (
            "source",
            "1",
            "expected digits, scenes, cifar10, cifar100, svhn, idx, npz, folder, csv or masks, found 1",
        ),
        ("epochs", "1e3", "expected a whole number from 1 to 100000, found 1000.0"),
        ("learning_rate", "0", "expected a number above 0 and at most 100, found 0"),
        ("learning_rate", "fast", "expected a number above 0 and at most 100, found fast"),
        ("learning_rate", "yes", "expected a number above 0 and at most 100, found yes"),
        ("learning_rate", ".nan", "expected a number above 0 and at most 100, found .nan"),
        ("learning_rate", ".inf", "expected a number above 0 and at most 100, found .inf"),
        ("learning_rate", "-.inf", "expected a number above 0 and at most 100, found -.inf"),
        ("learning_rate", "1e999", "expected a number above 0 and at most 100, found .inf"),
        ("learning_rate", "9" * 400, f"expected a number above 0 and at most 100, found {'9' * 57}..."),
    ],
)
def test_wrong_values(field: str, value: str, said: str, minimal: str, refused: Refused) -> None:
    error = refused(changed(minimal, f"^  {field}: .*$", f"  {field}: {value}"))
    (problem,) = error.problems
    assert short(error)[0].endswith(f".{field} | {said}")
    assert problem.hint == validation_errors.description(validation_errors.parse_path(problem.where))
    assert problem.place
    assert problem.place.column == len(field) + 5


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "expect: {parameters: many}",
            "expect.parameters | expected a whole number of at least 0 or null, found many",
        ),
        ("expect: {macs: -1}", "expect.macs | expected a whole number of at least 0, found -1"),
        ("extends: 3", "extends | expected text or null, found 3"),
        (
            "name: two words",
            "name | expected text of at most 100 letters, digits, dots, dashes and underscores, "
            'a letter or digit first, found "two words"',
        ),
        (
            "name: .hidden",
            "name | expected text of at most 100 letters, digits, dots, dashes and underscores, "
            'a letter or digit first, found ".hidden"',
        ),
        (
            "name: 3",
            "name | expected text of at most 100 letters, digits, dots, dashes and underscores, "
            "a letter or digit first, found 3",
        ),
        ("tune: {parameters: {}}", "tune.parameters | expected a mapping of 1 to 100 entries, found {}"),
        ("tune: []", "tune | expected a mapping or null, found []"),
    ],
)
def test_wrong_values_elsewhere(more: str, said: str, minimal: str, refused: Refused) -> None:
    assert [line.split("  ", 1)[1] for line in short(refused(f"{minimal}{more}\n"))] == [said]


def test_lists_of_fixed_length(minimal: str, refused: Refused) -> None:
    for given, said in {
        "[8, 8]": "data.image_shape.2 | missing: a whole number from 1 to 64",
        "[8, 8, x]": "data.image_shape.2 | expected a whole number from 1 to 64, found x",
        "[8, 8, 1, 1]": "data.image_shape | expected a list of 3 values, found [8, 8, 1, 1]",
        "8": "data.image_shape | expected a list of 3 values or null, found 8",
    }.items():
        text = changed(minimal, "source: digits", f"source: digits\n  image_shape: {given}")
        assert [line.split("  ", 1)[1] for line in short(refused(text))] == [said]


# Sections of several kinds, and their short forms


@pytest.mark.parametrize("value", ["lamb", "3", "true"])
def test_an_unknown_optimizer_by_its_name(value: str, minimal: str, refused: Refused) -> None:
    error = refused(f"{minimal}  optimizer: {value}\n")
    (problem,) = error.problems
    assert problem.place
    assert (problem.place.line, problem.place.column, problem.place.width) == (10, 14, len(value))
    assert problem.found == value
    assert "sgd, adam, adamw, lion or muon" in problem.expected


@pytest.mark.parametrize("value", ["{name: lamb}", "[adam]", "null"])
def test_an_unknown_optimizer(value: str, minimal: str, refused: Refused) -> None:
    (problem,) = refused(f"{minimal}  optimizer: {value}\n").problems
    assert problem.where.startswith("training.optimizer")
    assert "sgd, adam, adamw, lion or muon" in problem.expected
    assert problem.place
    assert problem.place.line == 10


def test_wrong_fields_of_an_optimizer(minimal: str, refused: Refused) -> None:
    error = refused(f"{minimal}  optimizer: {{name: sgd, momentum: 2, nesterof: 1, decay: soft}}\n")
    assert short(error) == [
        "a.yaml:10:36  training.optimizer.momentum | expected a number of at least 0 and below 1, found 2",
        "a.yaml:10:39  training.optimizer.nesterof | unknown key; did you mean nesterov?",
        "a.yaml:10:59  training.optimizer.decay | expected coupled or decoupled, found soft",
    ]


def test_a_field_of_another_optimizer(minimal: str, refused: Refused) -> None:
    error = refused(f"{minimal}  optimizer: {{name: adam, momentum: 0.9}}\n")
    (problem,) = error.problems
    assert problem.where == "training.optimizer.momentum"
    assert problem.expected == "unknown key; there are name, beta_1, beta_2, epsilon, weight_decay, decayed"


def test_a_wrong_slope_is_one_problem(minimal: str, refused: Refused) -> None:
    text = changed(minimal, "^data:", "  activation: leaky_relu\n  alpha: x\ndata:")
    assert short(refused(text)) == [
        "a.yaml:6:10  network.alpha | expected a number from 0 to 1 or a mapping with stem, layers, "
        "transitions or head or null, found x"
    ]
    assert short(refused(text.replace("alpha: x", "alpha: {stem: 2, body: 0.1}"))) == [
        "a.yaml:6:17  network.alpha.stem | expected a number from 0 to 1, found 2",
        "a.yaml:6:20  network.alpha.body | unknown key; there are stem, layers, transitions, head",
    ]


# Values that do not fit together


def test_leaky_relu_without_alpha(minimal: str, refused: Refused) -> None:
    (problem,) = refused(changed(minimal, "^data:", "  activation: leaky_relu\ndata:")).problems
    assert (
        str(problem)
        == """\
a.yaml:5:15  network.activation
  alpha, the slope of leaky_relu, is missing

   4 |   layers_per_block: [2, 2]
   5 |   activation: leaky_relu
     |               ^^^^^^^^^^
  Add alpha: 0.1 (or a mapping: stem, layers, transitions, head)."""
    )


@pytest.mark.parametrize("activation", ["", "  activation: relu\n"])
def test_alpha_without_leaky_relu(activation: str, minimal: str, refused: Refused) -> None:
    (problem,) = refused(changed(minimal, "^data:", f"{activation}  alpha: 0.1\ndata:")).problems
    assert (problem.where, problem.expected) == ("network.alpha", "relu has no slope")
    assert problem.hint == "Write activation: leaky_relu, or alpha: null."
    assert problem.place
    assert problem.place.excerpt().endswith("  alpha: 0.1\n     |          ^^^")


def test_warmup_longer_than_the_training(minimal: str, refused: Refused) -> None:
    assert short(refused(f"{minimal}  warmup_epochs: 2.5\n")) == [
        "a.yaml:10:18  training.warmup_epochs | expected at most the 2 epochs of the training, found 2.5"
    ]


@pytest.mark.parametrize("at", ["[0.75, 0.5]", "[0.5, 0.5]"])
def test_steps_that_do_not_rise(at: str, minimal: str, refused: Refused) -> None:
    assert short(refused(f"{minimal}  schedule: {{name: step, at: {at}}}\n")) == [
        f"a.yaml:10:30  training.schedule.at | expected numbers that rise, found {at}"
    ]


@pytest.mark.parametrize("source", ["svhn", "idx", "npz", "folder", "csv"])
def test_a_source_without_its_path(source: str, minimal: str, refused: Refused) -> None:
    said = short(refused(changed(minimal, "digits", source)))
    assert said[0] == f"a.yaml:6:11  data.source | path is missing: where the {source} data lies"
    assert said[1:] == [
        f"a.yaml:6:11  data.source | image_shape is missing: the size to bring the {source}'s images to"
    ] * (source in {"folder", "csv"})


@pytest.mark.parametrize("source", ["digits", "npz\n  path: a.npz"])
def test_only_the_cifars_can_be_left_unverified(source: str, minimal: str, refused: Refused) -> None:
    (said,) = short(refused(changed(minimal, "digits", f"{source}\n  verify: false")))
    assert "data.verify | only the CIFAR archives have a known MD5, " in said
    assert said.endswith(f"{source.partition(chr(10))[0]} has none")


def test_digits_with_a_path(minimal: str, refused: Refused) -> None:
    (problem,) = refused(changed(minimal, "digits", "digits\n  path: here")).problems
    assert (problem.where, problem.hint) == ("data.path", "Remove path, or choose another source.")
    assert problem.expected == "digits come with scikit-learn and have no path"


@pytest.mark.parametrize(
    ("values", "where", "said"),
    [
        ("{int: [3, 2]}", "int", "expected [low, high] with low below high, found [3, 2]"),
        ("{float: [1, 1]}", "float", "expected [low, high] with low below high, found [1.0, 1.0]"),
        ("{float: [0, 1], log: true}", "float", "expected a low above 0, since log is true, found 0.0"),
        ("{int: [1, 9], log: true, step: 2}", "step", "expected no step together with log: true, found 2"),
        ("{int: [1, x]}", "int.1", "expected a whole number, found x"),
        ("{int: [1, 9], step: 0}", "step", "expected a whole number of at least 1, found 0"),
        ("{float: [1, 9], step: 0}", "step", "expected a number above 0, found 0"),
        ("{float: [1, 9], base: 2}", "base", "unknown key; there are float, step, log, when"),
        ("{int: [1]}", "int.1", "missing: a whole number"),
    ],
)
def test_ranges_of_a_search(values: str, where: str, said: str, minimal: str, refused: Refused) -> None:
    error = refused(f"{minimal}tune: {{parameters: {{network.growth_rate: {values}}}}}\n")
    (line,) = short(error)
    path, _, message = line.split("  ", 1)[1].partition(" | ")
    assert path == f"tune.parameters.network.growth_rate.{where}"
    assert message == said


RANGES = (
    "a mapping with choices or when or a mapping with int, step, log or when or a mapping with float, step, "
    "log or when"
)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("3", f"a list of 1 to 1000 values or {RANGES}"),
        ("null", f"a list of 1 to 1000 values or {RANGES}"),
        ("[]", "a list of 1 to 1000 values"),
        ("{}", RANGES),
        ("{values: [1]}", RANGES),
    ],
)
def test_values_that_are_no_search(values: str, expected: str, minimal: str, refused: Refused) -> None:
    (problem,) = refused(f"{minimal}tune: {{parameters: {{network.growth_rate: {values}}}}}\n").problems
    assert problem.where == "tune.parameters.network.growth_rate"
    assert problem.expected == expected
    assert problem.hint.startswith("What to search: the dotted path of a field")


def test_a_hundred_problems_are_enough(minimal: str, refused: Refused) -> None:
    error = refused(minimal + "".join(f"k{number}: 1\n" for number in range(1234)))
    assert len(error.problems) == validation_errors.MAX_PROBLEMS + 1
    assert str(error.problems[-1]) == "\n  and 1,134 more problems"


# extends


def test_extends_a_preset_and_a_file_beside_it(tmp_path: Path) -> None:
    written(tmp_path, base="extends: article\nnetwork: {growth_rate: 8}\n")
    (tmp_path / "inner").mkdir()
    written(tmp_path / "inner", top="extends: ../base.yaml\ntraining: {epochs: 3}\n")
    experiment = load(str(tmp_path / "inner" / "top.yaml")).experiment
    assert (experiment.name, experiment.expect) == ("top", None)
    assert (experiment.network.growth_rate, experiment.training.epochs) == (8, 3)
    assert experiment.training.batch_size == 100
    assert experiment.extends == "../base.yaml"


def test_an_extended_file_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    written(tmp_path, base="extends: article\nnetwork: {growth_rate: 0}\n", top="extends: base.yaml\nlr: 1\n")
    top, base = tmp_path / "top.yaml", tmp_path / "base.yaml"
    assert short(load_error(str(top))) == [
        f"{top}:2:1  lr | unknown key; did you mean training.learning_rate?",
        f"{base}:2:24  network.growth_rate | expected a whole number from 1 to 1024, found 0",
    ]


def test_extends_a_missing_file(tmp_path: Path) -> None:
    written(tmp_path, top="version: 1\nextends: artcle\n")
    top = tmp_path / "top.yaml"
    assert (
        str(load_error(str(top)))
        == f"""\
{top}:2:10  extends
  no such preset or file; did you mean article?

   1 | version: 1
   2 | extends: artcle
     |          ^^^^^^"""
    )


FOLDER = "expected a YAML file that can be read, found a folder"
NOTHING = "no such preset or file; dnsearch presets lists the presets"


@pytest.mark.parametrize(
    ("name", "said"), [("''", FOLDER), (".", FOLDER), ("'a\tb'", NOTHING), ("x" * 300, NOTHING)]
)
def test_extends_what_is_no_file(name: str, said: str, tmp_path: Path) -> None:
    written(tmp_path, top=f"extends: {name}\n")
    (problem,) = load_error(str(tmp_path / "top.yaml")).problems
    assert problem.expected == said


def test_extends_itself(tmp_path: Path) -> None:
    written(tmp_path, a="extends: b.yaml\n", b="version: 1\nextends: a.yaml\n")
    (problem,) = load_error(str(tmp_path / "a.yaml")).problems
    assert str(problem).startswith(f"{tmp_path / 'b.yaml'}:2:10  extends\n")
    assert problem.expected == "expected a chain of at most 8 different specs"


def test_a_chain_of_extends_has_an_end(tmp_path: Path) -> None:
    written(tmp_path, a0="extends: article\n")
    for number in range(1, MAX_EXTENDS):
        written(tmp_path, **{f"a{number}": f"extends: a{number - 1}.yaml\n"})
    assert load(str(tmp_path / f"a{MAX_EXTENDS - 2}.yaml")).experiment.network.growth_rate == 12
    (problem,) = load_error(str(tmp_path / f"a{MAX_EXTENDS - 1}.yaml")).problems
    assert (problem.where, problem.expected) == ("extends", "expected a chain of at most 8 different specs")


def test_extends_what_is_no_mapping(tmp_path: Path) -> None:
    written(tmp_path, base="- 1\n", top="extends: base.yaml\n")
    (problem,) = load_error(str(tmp_path / "top.yaml")).problems
    assert str(problem).startswith(f"{tmp_path / 'base.yaml'}:1:1\n")
    assert problem.expected == "expected a mapping with version, network, data and training"


def test_extends_what_is_no_yaml(tmp_path: Path) -> None:
    written(tmp_path, base="a: [\n", top="extends: base.yaml\n")
    assert str(load_error(str(tmp_path / "top.yaml"))).startswith(f"{tmp_path / 'base.yaml'}:2:1\n")


# The name on the command line


def test_load_of_nothing() -> None:
    assert str(load_error("artcle")) == "artcle\n  no such preset or file; did you mean article?"
    assert str(load_error("nothing.yml")) == "nothing.yml\n  no such file"
    said = "no such preset or file; did you mean densenet-bc-100-12?"
    assert [load_error(name).problems[0].expected for name in ("densenet-bc-100", "densenet_bc")] == [
        said
    ] * 2


def test_a_misspelt_file(tmp_path: Path, minimal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, base=minimal)
    assert str(load_error("bse.yaml")) == "bse.yaml\n  no such file; did you mean base.yaml?"
    assert str(load_error("bas")) == "bas\n  no such preset or file; did you mean base.yaml?"
    absent = tmp_path / "base.yml"
    assert str(load_error(str(absent))).endswith(f"no such file; did you mean {tmp_path / 'base.yaml'}?")


def test_load_of_a_folder(tmp_path: Path) -> None:
    assert str(load_error(str(tmp_path))) == f"{tmp_path}\n  {FOLDER}"


def test_load_of_a_large_file(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_bytes(b"#" * 70_000)
    assert str(load_error(str(tmp_path / "large.yaml"))) == (
        f"{tmp_path / 'large.yaml'}\n  expected at most 65,536 bytes, found more"
    )


def test_a_file_whose_name_is_no_name(tmp_path: Path, minimal: str) -> None:
    written(tmp_path, **{"two words": minimal})
    (problem,) = load_error(str(tmp_path / "two words.yaml")).problems
    assert (problem.where, problem.found) == ("name", '"two words"')
    assert problem.hint.endswith("Left out: the file's name.")


# --set


def test_a_set_value_that_is_wrong_points_into_the_set() -> None:
    assert (
        str(load_error("article", "network.growth_rate=big"))
        == """\
--set:1:21  network.growth_rate
  expected a whole number from 1 to 1024 or a list of 1 to 8 values, found big

   1 | network.growth_rate=big
     |                     ^^^
  growth_rate is the paper's k, the channels that each layer adds; its DenseNet-BC nets for CIFAR use 12, \
24 and 40. A list gives one per block (SparseNet: [16, 32, 64])."""
    )


@pytest.mark.parametrize(
    "text", ["", "network", "=3", "network.=3", ".network=3", "a..b=3", f"{'a.' * 16}a=1"]
)
def test_a_set_that_is_none(text: str) -> None:
    (problem,) = load_error("article", text).problems
    assert (problem.where, problem.expected) == ("--set", "path=value, such as network.growth_rate=24")
    assert problem.found == validation_errors.shown(text)


def test_set_cannot_extend() -> None:
    assert str(load_error("article", "extends=densenet-40-12")) == (
        "--set\n  expected path=value, such as network.growth_rate=24, found "
        '"extends=densenet-40-12"\n  extends belongs in a file.'
    )


def test_a_set_of_an_unknown_key() -> None:
    assert short(load_error("article", "network.grwth=3", "trainning.epochs=1")) == [
        "--set:1:15  network.grwth | unknown key; did you mean growth_rate?",
        "--set:1:18  trainning | unknown key; did you mean training?",
    ]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[1, 2", "expected a list that ends with ]"),
        ("*x", "expected no aliases (*name); write the value again, or use extends"),
        ("# 3", "expected some YAML, and this is empty"),
        ("\x07", "expected printable characters, found character U+0007"),
        ("a: 1\na: 2", "expected each key once; a is already on line 1"),
    ],
)
def test_a_set_that_is_no_yaml(value: str, said: str) -> None:
    (problem,) = load_error("article", f"network.growth_rate={value}").problems
    assert str(problem).splitlines()[1] == f"  {said}"
    assert problem.place
    assert (str(problem.place), problem.place.text) == ("--set:1:21", f"network.growth_rate={value}")


@pytest.mark.parametrize(("value", "said"), [("", "null"), (" ", "null"), ("on", "on"), ("[x y]", '["x y"]')])
def test_set_reads_yaml(value: str, said: str) -> None:
    (problem,) = load_error("article", f"network.dropout_after={value}").problems
    assert problem.found == said


def test_what_is_missing_is_missing_in_the_file(tmp_path: Path) -> None:
    written(tmp_path, small="version: 1\nnetwork:\n  pooling: avg\n")
    file = tmp_path / "small.yaml"
    assert short(load_error(str(file), "network.pooling=max", "name=b", "data.source=digits")) == [
        f"{file}:1:1  training | missing: a mapping",
        f"{file}:3:3  network.growth_rate | missing: {GROWTH}",
        f"{file}:3:3  network.layers_per_block | missing: a list of 1 to 8 values",
    ]


def test_set_rules() -> None:
    assert short(load_error("densenet-40-12", "network.alpha=0.1")) == [
        "--set:1:15  network.alpha | relu has no slope"
    ]
    assert short(load_error("article", "training.warmup_epochs=11")) == [
        "--set:1:24  training.warmup_epochs | expected at most the 10 epochs of the training, found 11"
    ]
    assert short(load_error("article", "data.source=npz")) == [
        "--set:1:13  data.source | path is missing: where the npz data lies"
    ]


# A trial's values, and problems found later on


def article() -> Document:
    return load("article")


def test_values_of_a_trial_that_do_not_fit() -> None:
    with pytest.raises(SpecError) as caught:
        article().with_values({"network.growth_rate": 0, "training.epochs": 3}, "trial 7")
    assert str(caught.value).startswith(
        """\
trial 7:1:1  network.growth_rate
  expected a whole number from 1 to 1024, found 0

   1 | network.growth_rate = 0
"""
    )


def test_problems_found_by_others_point_into_the_spec() -> None:
    document = article()
    problem = Problem("network.layers_per_block.1", "fewer layers", found="12")
    (found,) = document.located(SpecError([problem])).problems
    assert str(found.place) == "article.yaml:12:26"
    assert found.place
    assert found.place.text == document.text


# How values are shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (-12, "-12"),
        (0.5, "0.5"),
        (float("nan"), ".nan"),
        ("word", "word"),
        ("two words", '"two words"'),
        ("", '""'),
        ("7", '"7"'),
        ("true", '"true"'),
        ("on", "on"),
        ("θ", "θ"),
        ([], "[]"),
        ({}, "{}"),
        ((1, ["a", float("-inf")]), '[1, ["a", -.inf]]'),
        ({"a": {"b": None}}, '{"a": {"b": null}}'),
        ("x" * 60, "x" * 60),
        ("x" * 61, "x" * 57 + "..."),
        (list(range(99)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16..."),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert validation_errors.shown(value) == text
    assert len(text) <= 60


def test_a_message_fits_a_screen_whatever_a_hostile_file_holds():
    long = Problem("x" * 60_000, "a path", found="y" * 60_000)
    text = str(SpecError([long] * 300))
    where, found = text.splitlines()[:2]
    assert where == "x" * 497 + "..."
    assert found == "  expected a path, found " + "y" * 497 + "..."
    assert text.endswith("...\n\nand 293 more")


def test_many_problems_of_one_spec_fit_a_screen():
    place = Place("a.yaml", 2, 1, 3, "one: 1\ntwo: 2\n")
    text = str(SpecError([Problem("two", "a word", found="2", hint="Use words.", place=place)] * 30))
    assert len(text.splitlines()) < 60
    assert text.endswith("\n  Use words.\n\nand 23 more")
