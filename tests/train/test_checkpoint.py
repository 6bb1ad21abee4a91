"""What is saved comes back bit by bit, and what does not fit changes nothing."""

import hashlib
import io
import re

import numpy as np
import pytest

from dnsearch.errors import RunError

IMAGES = np.random.default_rng(0).normal(size=(12, 8, 8, 1)).astype(np.float32)
LABELS = (np.arange(12) % 10).astype(np.int32)

ADAM = {"name": "adam", "weight_decay": 1e-4}
SGD = {"name": "sgd"}
HISTORY = b"seven epochs\n"


@pytest.fixture(scope="module")
def trained(network, training):
    """A function: optimizer, seed, growth rate, steps → a trainer that has done some steps."""

    def made(optimizer=SGD, seed=0, growth_rate=4, steps=2):
        from dnsearch.train.step import build_trainer

        trainer = build_trainer(network(growth_rate, seed), training(optimizer=optimizer))
        for _ in range(steps):
            trainer.train(IMAGES, LABELS, 0.05)
        return trainer

    return made


def saved(trainer, path):
    from dnsearch.train.checkpoint import save_checkpoint

    with path.open("wb") as file:
        save_checkpoint(trainer, HISTORY, file)
    return path


@pytest.fixture(scope="module")
def sample(trained, tmp_path_factory):
    """A trainer and the bytes of its checkpoint; it went on by a step since."""
    trainer = trained()
    content = saved(trainer, tmp_path_factory.mktemp("sample") / "checkpoint.npz").read_bytes()
    trainer.train(IMAGES, LABELS, 0.05)
    return trainer, content


def state(trainer):
    return [np.asarray(v).copy() for v in trainer.variables.values()]


def same(first, second):
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))


def refusal(load, target, path, left_as_it_was):
    before = left_as_it_was()
    with pytest.raises(RunError) as caught:
        load(target, path)
    assert same(before, left_as_it_was())
    return str(caught.value)


def refused(trainer, path):
    from dnsearch.train.checkpoint import load_checkpoint

    return refusal(load_checkpoint, trainer, path, lambda: state(trainer))


def digest(arrays):
    """The checksum, written out."""
    parts = [
        part
        for name, array in sorted(arrays.items())
        if name != "sha256"
        for part in (f"{name} {array.dtype.str} {array.shape}\n".encode(), array.tobytes())
    ]
    return np.frombuffer(hashlib.sha256(b"".join(parts)).digest(), np.uint8)


def rewritten(content, path, change, *, signed=True):
    """The same archive with changed arrays, as a file; its checksum fits unless it is not signed anew."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    change(arrays)
    if signed:
        arrays["sha256"] = digest(arrays)
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("optimizer", [SGD, ADAM])
def test_a_checkpoint_comes_back_bit_by_bit(trained, tmp_path, optimizer):
    from dnsearch.train.checkpoint import load_checkpoint

    first = trained(optimizer)
    path, then = saved(first, tmp_path / "checkpoint.npz"), state(first)
    goes_on = [first.train(IMAGES, LABELS, 0.05) for _ in range(2)]
    reached = state(first)

    other = trained(optimizer, seed=9, steps=3)
    assert not same(then, state(other))
    assert load_checkpoint(other, path) == HISTORY
    assert same(then, state(other))
    again = [other.train(IMAGES, LABELS, 0.05) for _ in range(2)]  # with the same dropout
    assert [[float(x) for x in sums] for sums in again] == [[float(x) for x in sums] for sums in goes_on]
    assert same(reached, state(other))


def test_a_checkpoint_has_dropouts_seeds_momentum_and_the_step_s_number(sample):
    trainer, content = sample
    trained, others = trainer.model.count_params(), trainer.model.non_trainable_variables
    moving = sum(np.size(variable) for variable in others if "moving" in variable.path)
    with np.load(io.BytesIO(content)) as file:
        assert {name: file[name].size for name in file.files} == {
            "weights": trained - moving,
            "statistics": moving,
            "counters": 4,  # two generators of dropout, each with a seed and a counter
            "steps": 1,
            "momentum": trained - moving,
            "history": len(HISTORY),
            "sha256": 32,
        }
        assert file["steps"] == 2
        assert file["history"].tobytes() == HISTORY


def test_weights_come_back_bit_by_bit(trained, tmp_path):
    from dnsearch.train.checkpoint import load_weights, save_weights

    model, other = trained().model, trained(seed=9).model
    path = tmp_path / "weights.npz"
    with path.open("wb") as file:
        save_weights(model, file)
    load_weights(other, path)
    assert same([np.asarray(w) for w in model.weights], [np.asarray(w) for w in other.weights])
    with np.load(path) as file:
        assert file.files == [weight.path for weight in model.weights]
        assert "stem_conv/kernel" in file.files
        assert not any("seed" in name for name in file.files)


def test_weights_of_another_network_are_refused_and_nothing_is_assigned(trained, tmp_path):
    from dnsearch.train.checkpoint import load_weights, save_weights

    path = tmp_path / "weights.npz"
    with path.open("wb") as file:
        save_weights(trained().model, file)
    wider = trained(growth_rate=6).model
    text = refusal(load_weights, wider, path, lambda: [np.asarray(w).copy() for w in wider.weights])
    assert text == (
        f"{path}\n"
        "  expected stem_conv/kernel, float32 of shape (3, 3, 1, 12), found float32 of shape (3, 3, 1, 8)\n"
        "  The file is of another network, or of another version of dnsearch."
    )


def test_a_checkpoint_of_another_network_is_refused(trained, sample, tmp_path):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(sample[1])
    wider = refused(trained(growth_rate=6), path)
    assert re.search(r"expected weights, float32 of shape \(\d+,\), found float32 of shape \(\d+,\)", wider)
    assert wider.endswith("\n  The file is of another network, or of another version of dnsearch.")
    fewer = refused(trained({"name": "sgd", "momentum": 0.0}), path)
    assert "expected 4 arrays, found also momentum" in fewer
    more = refused(trained(ADAM), path)
    assert "expected mean, float32 of shape" in more
    assert "The file is of another network" in more


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays.pop("momentum"), "expected momentum, float32 of shape"),
        (lambda arrays: arrays.update(momentum=np.zeros(9, np.float32)), "found float32 of shape (9,)"),
        (
            lambda arrays: arrays.update(statistics=arrays["statistics"].astype(np.float64)),
            "found float64 of shape",
        ),
        (lambda arrays: arrays.update(weights=np.array(["a"] * 8)), "found <U1 of shape (8,)"),
        (lambda arrays: arrays.update({"99999": np.zeros(1)}), "arrays, found also 99999"),
        (lambda arrays: arrays.pop("history"), "a checkpoint, with its history and sha256, found none"),
    ],
)
def test_one_array_that_does_not_fit_keeps_all_others_out(sample, tmp_path, change, said):
    trainer, content = sample
    path = rewritten(content, tmp_path / "checkpoint.npz", change)
    text = refused(trainer, path)
    assert text.startswith(f"{path}\n")
    assert said in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda arrays: arrays["weights"].__iadd__(1), "content that fits its sha256, found other content"),
        (lambda arrays: arrays.update(history=arrays["history"][:-1]), "content that fits its sha256"),
        (lambda arrays: arrays.update(weights=arrays["momentum"], momentum=arrays["weights"]), "found other"),
        (lambda arrays: arrays.update(sha256=np.zeros(32, np.uint8)), "found other content"),
        (lambda arrays: arrays.update(sha256=np.array("a")), "found other content"),
        (lambda arrays: arrays.pop("sha256"), "a checkpoint, with its history and sha256, found none"),
    ],
)
def test_a_whole_archive_that_somebody_changed_is_refused(sample, tmp_path, change, said):
    trainer, content = sample
    path = rewritten(content, tmp_path / "checkpoint.npz", change, signed=False)
    text = refused(trainer, path)
    assert said in text
    assert text.endswith("\n  The file was damaged; restore it from a copy, or train again.")


def test_a_missing_file(sample, tmp_path):
    path = tmp_path / "nowhere.npz"
    assert refused(sample[0], path) == (
        f"{path}\n  expected a file of saved arrays, found No such file or directory"
    )


def npy():
    file = io.BytesIO()
    np.save(file, np.zeros(3))
    return file.getvalue()


@pytest.mark.parametrize("content", [b"", b"PK", b"\x93NUMPY", b"text\n" * 99, npy()])
def test_a_file_that_is_no_archive(sample, tmp_path, content):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    text = refused(sample[0], path)
    assert text.startswith(f"{path}\n  expected a file of saved arrays, found ")
    assert text.endswith("\n  The file was damaged; restore it from a copy, or train again.")


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_nothing_in_a_file_is_executed(sample, tmp_path):
    trainer, content = sample
    trap = np.array(Trap(tmp_path / "sprung"), object)
    path = rewritten(content, tmp_path / "checkpoint.npz", lambda arrays: arrays.update(history=trap))
    assert "expected a file of saved arrays, found Object arrays cannot be loaded" in refused(trainer, path)
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_file_is_refused_or_read_right(sample, tmp_path):
    """Cut anywhere, or with a byte flipped anywhere: never another exception, never other numbers."""
    from dnsearch.train.checkpoint import load_checkpoint

    trainer, content = sample
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)
    load_checkpoint(trainer, path)
    right = state(trainer)
    rng = np.random.default_rng(1)
    cut = [content[:end] for end in rng.integers(0, len(content), 60)]
    flipped = []
    for position in [
        *rng.integers(0, len(content), 120),
        *rng.integers(len(content) - 3000, len(content), 120),
    ]:
        changed = bytearray(content)
        changed[position] ^= int(rng.integers(1, 256))
        flipped.append(bytes(changed))
    refusals = 0
    for number, damaged in enumerate(cut + flipped):
        path.write_bytes(damaged)
        try:
            assert load_checkpoint(trainer, path) == HISTORY
        except RunError:
            refusals += 1
        else:
            assert number >= len(cut)
        assert same(right, state(trainer))
    assert refusals > 180  # the rest hit what zip files say twice, or dates
