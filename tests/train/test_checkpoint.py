"""What is saved comes back bit by bit, and what does not fit changes nothing."""

import hashlib
import io
import os
import re
import tracemalloc
import zipfile
from collections import Counter

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
    save_weights(model, path)
    load_weights(other, path)
    assert same([np.asarray(w) for w in model.weights], [np.asarray(w) for w in other.weights])
    with np.load(path) as file:
        assert file.files == [weight.path for weight in model.weights]
        assert "stem_conv/kernel" in file.files
        assert not any("seed" in name for name in file.files)


def test_weights_of_another_network_are_refused_and_nothing_is_assigned(trained, tmp_path):
    from dnsearch.train.checkpoint import load_weights, save_weights

    path = tmp_path / "weights.npz"
    save_weights(trained().model, path)
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


def headers(content):
    """The places of all bytes of a checkpoint but those of its arrays: NumPy's headers and what zip adds."""
    places = set(range(len(content)))
    with np.load(io.BytesIO(content)) as file:
        for array in file.values():
            if (values := array.tobytes()) and len(values) > 8:
                start = content.index(values)
                places -= set(range(start, start + len(values)))
    return sorted(places)


def check_flips(sample, path, bits):
    """Each flipped bit is refused, and nothing changed, or does not change what is read; counts both."""
    from dnsearch.train.checkpoint import load_checkpoint

    trainer, content = sample
    path.write_bytes(content)
    load_checkpoint(trainer, path)
    right, found = state(trainer), Counter()
    for place, bit in bits:
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        path.write_bytes(changed)
        try:
            assert load_checkpoint(trainer, path) == HISTORY
            found["read"] += 1
        except RunError:
            found["refused"] += 1
        assert same(right, state(trainer)), (place, bit)
    return found


def test_a_sample_of_flipped_bits_is_refused_or_read_right(sample, tmp_path):
    rng = np.random.default_rng(1)
    places = [*rng.choice(headers(sample[1]), 200), *rng.integers(0, len(sample[1]), 50)]
    found = check_flips(
        sample, tmp_path / "checkpoint.npz", [(int(at), int(rng.integers(8))) for at in places]
    )
    assert found["refused"] > 150  # the rest hit what zip files hold twice, or dates


@pytest.mark.slow
def test_every_flipped_bit_of_the_headers_and_1000_of_the_arrays(sample, tmp_path):
    rng, places = np.random.default_rng(2), headers(sample[1])
    bits = [(at, bit) for at in places for bit in range(8)]
    bits += [(int(rng.integers(len(sample[1]))), int(rng.integers(8))) for _ in range(1000)]
    found = check_flips(sample, tmp_path / "checkpoint.npz", bits)
    assert found.total() == len(bits) > 10_000


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"{'descr'", b"('descr'"),  # tokenize.TokenError
        (b"{'descr': '<f4', 'fortran_order'", b"(" * 31),  # MemoryError or a syntax error
        (b"\x93NUMPY\x01", b"\x93NUMPY\x03"),
        (b"'<f4'", b"'<m4'"),
    ],
)
def test_a_header_that_cannot_be_parsed(sample, tmp_path, old, new):
    trainer, content = sample
    assert len(old) == len(new) or new[0] == 40
    (tmp_path / "checkpoint.npz").write_bytes(content.replace(old, new.ljust(len(old)), 1))
    assert "damaged" in refused(trainer, tmp_path / "checkpoint.npz")


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short(sample, tmp_path, cut):
    trainer, content = sample
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content[: int(cut * len(content))])
    assert "expected a file of saved arrays, found" in refused(trainer, path)


def bomb(path, arrays, name):
    """A file of arrays in which one claims to be 4 GB of zeros, packed into little."""
    np.savez(path, **{key: array for key, array in arrays.items() if key != name})
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{name}.npy", "w") as file,
    ):
        header = {"descr": "|u1", "fortran_order": False, "shape": (2**32,)}
        np.lib.format.write_array_header_1_0(file, header)
        file.write(bytes(2**20))
    return path


@pytest.mark.parametrize("name", ["history", "sha256", "weights", "unknown"])
def test_an_array_of_4_gb_is_refused_before_it_is_unpacked(sample, tmp_path, name):
    from dnsearch.train.checkpoint import load_checkpoint

    trainer, content = sample
    with np.load(io.BytesIO(content)) as file:
        path = bomb(tmp_path / "checkpoint.npz", dict(file), name)
    tracemalloc.start()
    with pytest.raises(RunError):
        load_checkpoint(trainer, path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 50e6


def test_what_is_no_file_is_refused_at_once(sample, tmp_path):
    os.mkfifo(tmp_path / "checkpoint.npz")
    assert "found a pipe, socket or device" in refused(sample[0], tmp_path / "checkpoint.npz")


def test_a_message_does_not_repeat_the_bytes_of_a_file(sample, tmp_path):
    content = sample[1]
    start = content.index(b"PK\3\4") + 26  # how long the first array's name is
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content[:start] + b"\xff\xff" + content[start + 2 :])
    text = refused(sample[0], path)
    assert "found File name in directory" in text
    assert len(text) < 1000
