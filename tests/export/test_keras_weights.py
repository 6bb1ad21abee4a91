"""Keras weights files, read: each format, and everything that can be wrong with one."""

import shutil
import struct
import sys
import zlib

import h5py
import numpy as np
import pytest

from dnsearch.errors import RunError
from dnsearch.plan.network import plan_network
from dnsearch.spec.document import load
from dnsearch.spec.network import example

BLOCKS = (1, 2, 1, 1)
STEM = {"kernel": 7, "stride": 2, "normalize": True, "pooling": "max"}
TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
"""float32, logits up to 10; errors up to 3e-6 were seen."""

pytestmark = [
    pytest.mark.xdist_group("imported"),  # the Keras model is made once
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't:DeprecationWarning"
    ),  # Keras as it saves
]


@pytest.fixture(scope="module")
def keras_model(keras_densenet):
    return keras_densenet(BLOCKS)


@pytest.fixture(scope="module")
def files(keras_model, keras_densenet, tmp_path_factory):
    """Format → a file with the same weights, as Keras or h5py writes it; and one without classifier."""
    folder = tmp_path_factory.mktemp("weights")
    keras_model.save_weights(folder / "keras3.weights.h5")
    keras_model.save(folder / "whole.h5")
    write_as_distributed(folder / "distributed.h5", keras_model)
    keras_densenet(BLOCKS, include_top=False).save_weights(folder / "no_top.weights.h5")
    return {path.name.partition(".")[0]: path for path in folder.iterdir()}


FORMER_NAMES = {"conv1_conv": "conv1/conv", "conv1_bn": "conv1/bn"}


def write_as_distributed(path, model, former=FORMER_NAMES, chunks=1):
    """The file that Keras 2 made of keras.applications: its names, bytes for texts, ":0" at the end."""
    former = {**former, "predictions": "fc1000"}
    with h5py.File(path, "w") as file:
        names = [former.get(layer.name, layer.name) for layer in model.layers]
        if chunks == 1:
            file.attrs["layer_names"] = [name.encode() for name in names]
        else:
            for number, part in enumerate(np.array_split([name.encode() for name in names], chunks)):
                file.attrs[f"layer_names{number}"] = part
        for layer, name in zip(model.layers, names, strict=True):
            group = file.create_group(name)
            weights = {f"{name}/{weight.name}:0": np.asarray(weight) for weight in layer.weights}
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, value in weights.items():
                group.create_dataset(weight, data=value)


@pytest.fixture
def changed(files, tmp_path):
    """A function that copies the Keras 3 file, lets a change be made to it and returns its path."""

    def copied(change, name="keras3"):
        path = tmp_path / files[name].name
        shutil.copy(files[name], path)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return copied


def ours(classes=7, **fields):
    from dnsearch.model.build import build

    network = example(**{"growth_rate": 32, "layers_per_block": BLOCKS, "stem": STEM, **fields})
    return build(plan_network(network, (32, 32, 3), classes))


def imported(model, path):
    from dnsearch.export.importing import import_weights

    return import_weights(model, path)


def refused(path, **fields):
    """What is said of a file; the model is left as it was."""
    model = ours(**fields)
    before = [np.asarray(weight).copy() for weight in model.weights]
    with pytest.raises(RunError) as caught:
        imported(model, path)
    assert all(np.array_equal(old, new) for old, new in zip(before, model.weights, strict=True))
    where, *said = str(caught.value).splitlines()
    assert where == str(path)
    return "\n".join(line.strip() for line in said)


def layer(file, name):
    """The group of a layer in a Keras 3 file."""
    return next(group for group in file["layers"].values() if group["vars"].attrs.get("name") == name)


def logits(model):
    return np.asarray(model(np.random.default_rng(1).normal(0, 2, (5, 32, 32, 3)), training=False))


@pytest.mark.parametrize("name", ["keras3", "whole", "distributed"])
def test_each_format_gives_kerass_outputs(files, keras_model, name):
    model = ours(batch_norm={"epsilon": 1.001e-5})
    assert imported(model, files[name]) == ()
    expected = logits(keras_model)
    assert np.std(expected, axis=0).min() > 0.1
    np.testing.assert_allclose(logits(model), expected, **TOLERANCE)


def test_the_file_as_distributed_is_one_that_keras_reads(files, keras_densenet, keras_model):
    other = keras_densenet(BLOCKS)
    for weight in other.weights:
        weight.assign(np.zeros(weight.shape))
    other.load_weights(files["distributed"])
    np.testing.assert_array_equal(logits(other), logits(keras_model))


def test_layer_names_may_be_cut_into_several_attributes(keras_model, tmp_path):
    write_as_distributed(tmp_path / "chunks.h5", keras_model, chunks=3)
    model = ours()
    assert imported(model, tmp_path / "chunks.h5") == ()


def test_without_a_top_the_classifier_keeps_its_weights(files):
    model, other = ours(classes=3), ours()
    fresh = [np.asarray(weight) for weight in model.get_layer("head_classifier").weights]
    assert imported(model, files["no_top"]) == ("head_classifier",)
    imported(other, files["keras3"])
    for weight, before in zip(model.get_layer("head_classifier").weights, fresh, strict=True):
        np.testing.assert_array_equal(np.asarray(weight), before)
    same = {weight.path: np.asarray(weight) for weight in other.weights}
    for weight in model.weights:
        if not weight.path.startswith("head_classifier"):
            np.testing.assert_array_equal(np.asarray(weight), same[weight.path])


def test_every_weight_of_the_preset_has_a_name_in_keras(keras_densenet):
    from dnsearch.export.importing import keras_name
    from dnsearch.model.build import build

    network = load("densenet-121").experiment.network
    model = build(plan_network(network, (64, 64, 3), 10))
    theirs = keras_densenet(network.layers_per_block, (64, 64, 3), 10)
    assert sorted(keras_name(weight.path) for weight in model.weights) == sorted(
        weight.path for weight in theirs.weights
    )


def test_double_and_half_precision_are_taken(changed):
    def half(file):
        variables = layer(file, "conv1_conv")["vars"]
        kernel = variables["0"][...].astype("float16")
        del variables["0"]
        variables["0"] = kernel

    model = ours()
    imported(model, changed(half))
    assert model.get_layer("stem_conv").kernel.dtype == "float32"


# What is refused: another network.


@pytest.mark.parametrize("name", ["keras3", "distributed"])
def test_other_blocks(files, name):
    assert refused(files[name], layers_per_block=(1, 3, 1, 1)) == (
        "expected conv3_block3_0_bn/gamma of shape (112,), found nothing, and 34 more that do not fit\n"
        "The file has blocks of 1, 2, 1, 1 layers; the network has blocks of 1, 3, 1, 1 layers."
    )


def test_a_deeper_file(files):
    said = refused(files["keras3"], layers_per_block=(1, 1, 1, 1))
    assert said.startswith("expected pool3_bn/gamma of shape (80,), found shape (112,), and ")
    assert said.endswith(
        "The file has blocks of 1, 2, 1, 1 layers; the network has blocks of 1, 1, 1, 1 layers."
    )


def test_another_growth_rate(files):
    assert refused(files["keras3"], growth_rate=16).startswith(
        "expected conv1_conv/kernel of shape (7, 7, 3, 32), found shape (7, 7, 3, 64), and "
    )


def test_other_classes(files):
    assert refused(files["keras3"], classes=10) == (
        "expected predictions/kernel of shape (76, 10), found shape (76, 7), and 1 more that do not fit\n"
        "Import the file with its own data.classes; training.start_from fine-tunes for other classes."
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"convolution_bias": True}, "expected conv1_conv/bias of shape (64,), found nothing"),
        (
            {"stem": {**STEM, "normalize": False}},
            "expected conv1_bn/gamma in the network, found it in the file alone",
        ),
        ({"head": {"activation": False}}, "expected head_norm/gamma of shape (76,), found nothing"),
        ({"activation": "prelu"}, "expected stem_activation/slope of shape (64,), found nothing"),
        ({"compression": None}, "expected conv3_block1_0_bn/gamma of shape (96,), found shape (48,)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_network_of_another_form(files, fields, said):
    assert refused(files["keras3"], **fields).startswith(said)


def test_a_file_of_another_network(keras_densenet, tmp_path, tensorflow_ready):
    import keras

    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="alone")]).save_weights(
        tmp_path / "dense.weights.h5"
    )
    said = refused(tmp_path / "dense.weights.h5")
    assert said.startswith("expected conv1_conv/kernel of shape (7, 7, 3, 64), found nothing, and ")
    assert "The file has no dense blocks of keras.applications' names; the network has blocks of" in said


# What is refused: a file that is not whole.


def test_a_missing_weight(changed):
    path = changed(lambda file: layer(file, "pool2_bn")["vars"].pop("3"))
    assert refused(path).startswith("expected pool2_bn/moving_variance of shape (96,), found nothing\n")


def test_half_a_classifier(changed):
    path = changed(lambda file: layer(file, "predictions")["vars"].pop("1"))
    assert refused(path).startswith("expected predictions/bias of shape (7,), found nothing\n")


def test_a_weight_too_many(changed):
    path = changed(lambda file: layer(file, "bn")["vars"].create_dataset("4", data=[1.0]))
    assert refused(path).startswith("expected bn/4 in the network, found it in the file alone\n")


def test_an_unexpected_layer(changed):
    def add(file):
        variables = file.create_group("layers/dense_9/vars")
        variables.attrs["name"] = "extra"
        variables["0"] = np.zeros((2, 2), "float32")

    assert refused(changed(add)).startswith(
        "expected extra/kernel in the network, found it in the file alone\n"
    )


def replace_kernel(value):
    def change(file):
        variables = layer(file, "conv1_conv")["vars"]
        shape = variables["0"].shape
        del variables["0"]
        variables["0"] = np.broadcast_to(value, shape)

    return change


def test_whole_numbers(changed):
    said = refused(changed(replace_kernel(np.int32(1))))
    assert said.startswith("expected conv1_conv/kernel of shape (7, 7, 3, 64), found numbers of type int32\n")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite(changed, value):
    assert refused(changed(replace_kernel(np.float32(value)))) == (
        "expected finite numbers in conv1_conv/kernel, found others\nThe file is damaged."
    )


def test_a_group_where_a_weight_should_be(changed):
    def change(file):
        variables = layer(file, "conv1_conv")["vars"]
        del variables["0"]
        variables.create_group("0")

    assert refused(changed(change)).startswith(
        "expected conv1_conv/kernel of shape (7, 7, 3, 64), found nothing"
    )


def test_names_that_an_early_keras_3_left_out(changed):
    def change(file):
        for group in file["layers"].values():
            del group["vars"].attrs["name"]

    said = refused(changed(change))
    assert said.startswith(
        "expected the name of the layer batch_normalization, found none\nAn early Keras 3 wrote"
    )


# What is refused: no weights file at all, and one that is dangerous.


def test_no_file(tmp_path):
    assert refused(tmp_path / "none.h5").startswith("expected a file of Keras weights, found nothing\n")
    assert refused(tmp_path).startswith("expected a file of Keras weights, found a folder\n")


def test_no_hdf5(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK\x03\x04" + bytes(2000))
    said = refused(tmp_path / "model.keras")
    assert said.startswith("expected a file of Keras weights, found ")
    assert said.endswith(
        "\nKeras' Model.save_weights writes such files (.h5, .weights.h5); a .keras file is none."
    )


def test_other_hdf5(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["measured"] = [1.0]
    said = refused(tmp_path / "other.h5")
    assert said.startswith("expected a file of Keras weights, found an HDF5 file with measured\n")


@pytest.mark.parametrize("name", ["keras3", "distributed"])
def test_damaged_bytes(files, tmp_path, name):
    content = bytearray(files[name].read_bytes())
    path = tmp_path / "cut.h5"
    for kept in (0, 100, 2000, len(content) // 2):
        path.write_bytes(content[:kept])
        assert refused(path).startswith("expected a file of Keras weights, found ")


def secret(tmp_path):
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["0"] = np.zeros((7, 7, 3, 64), "float32")
    (tmp_path / "secret.bin").write_bytes(bytes(4 * 7 * 7 * 3 * 64))


def external_link(file, variables, tmp_path):
    variables["0"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "0")


def soft_link(file, variables, tmp_path):
    variables["0"] = h5py.SoftLink(layer(file, "bn")["vars"].name + "/0")


def virtual(file, variables, tmp_path):
    layout = h5py.VirtualLayout((7, 7, 3, 64), "float32")
    layout[...] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "0", (7, 7, 3, 64))
    variables.create_virtual_dataset("0", layout)


def external_bytes(file, variables, tmp_path):
    variables.create_dataset("0", (7, 7, 3, 64), "float32", external=str(tmp_path / "secret.bin"))


@pytest.mark.parametrize(
    ("lead_out", "found"),
    [
        (external_link, "a link"),
        (soft_link, "a link"),
        (virtual, "a reference to another file"),
        (external_bytes, "a reference to another file"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_ways_out_of_the_file(changed, tmp_path, lead_out, found):
    secret(tmp_path)

    def change(file):
        variables = layer(file, "conv1_conv")["vars"]
        del variables["0"]
        lead_out(file, variables, tmp_path)

    assert refused(changed(change)).startswith(
        f"expected /layers/conv2d/vars/0 in the file itself, found {found}\n"
    )


def test_a_linked_layer_of_the_older_format(changed, tmp_path):
    def change(file):
        del file["bn"]
        file["bn"] = h5py.ExternalLink("secret.h5", "/")

    said = refused(changed(change, "distributed"))
    assert said.startswith("expected //bn in the file itself, found a link\n")


def test_a_small_file_that_claims_a_huge_weight_is_refused_unread(changed):
    def change(file):
        variables = layer(file, "conv1_conv")["vars"]
        del variables["0"]
        variables.create_dataset("0", (7, 7, 3, 2**40), "float32", chunks=(7, 7, 3, 64))

    said = refused(changed(change))
    assert said.startswith(
        f"expected conv1_conv/kernel of shape (7, 7, 3, 64), found shape (7, 7, 3, {2**40})"
    )


def test_compressed_numbers_are_not_unpacked(changed):
    def change(file):
        variables = layer(file, "bn")["vars"]
        shape = variables["0"].shape
        del variables["0"]
        packed = variables.create_dataset("0", shape, "float32", chunks=shape, compression="gzip")
        packed.id.write_direct_chunk((0,), zlib.compress(bytes(2**24)))

    said = refused(changed(change))
    assert "expected bn/gamma of shape" in said
    assert "found compressed numbers, which Keras does not write\n" in said


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is not held back")
def test_a_damaged_length_of_a_name_takes_no_memory(files, tmp_path):
    """HDF5 takes as much as the length says, up to 4 GiB, before it looks for the text."""
    content = bytearray(files["keras3"].read_bytes())
    reference = content.index(struct.pack("<IQ", len("conv1_conv"), content.index(b"GCOL")))
    content[reference : reference + 4] = struct.pack("<I", 2**31)
    (tmp_path / "long.weights.h5").write_bytes(content)
    assert "memory allocation failed" in refused(tmp_path / "long.weights.h5")
