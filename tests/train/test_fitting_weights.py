"""Weights of one network in another: whole layers are taken over, or none of a layer."""

import numpy as np
import pytest

from dnsearch.errors import RunError


@pytest.fixture
def saved(network, tmp_path):
    """A function: growth rate → the weights of such a network and the file that they are saved in."""

    def made(growth_rate):
        from dnsearch.train.checkpoint import save_weights

        model, path = network(growth_rate, seed=3), tmp_path / "weights.npz"
        save_weights(model, path)
        return {weight.path: np.asarray(weight) for weight in model.weights}, path

    return made


def filled(model, path):
    from dnsearch.train.checkpoint import load_fitting_weights

    before = {weight.path: np.asarray(weight) for weight in model.weights}
    afresh = load_fitting_weights(model, path)
    return afresh, before, {weight.path: np.asarray(weight) for weight in model.weights}


def test_the_same_network_is_filled_whole(network, saved):
    source, path = saved(4)
    afresh, before, after = filled(network(4), path)
    assert afresh == ()
    assert all(np.array_equal(after[name], value) for name, value in source.items())
    assert not all(np.array_equal(after[name], value) for name, value in before.items())


def test_layers_of_other_shapes_start_afresh_and_are_named(network, saved):
    _, path = saved(4)
    with np.load(path) as file:
        source = dict(file)
    source["head_classifier/bias"] = np.zeros(3, np.float32)  # its kernel would fit
    del source["block2_layer1_growth_conv/gamma"]
    np.savez(path, **source)
    afresh, before, after = filled(network(4), path)
    assert afresh == ("block2_layer1_growth_conv", "head_classifier")
    for name, value in after.items():
        kept = name.partition("/")[0] in afresh
        np.testing.assert_array_equal(value, before[name] if kept else source[name], err_msg=name)


def test_a_network_that_shares_no_layer(network, saved):
    _, path = saved(4)
    np.savez(path, other=np.zeros(3))
    model = network(4)
    with pytest.raises(RunError) as caught:
        filled(model, path)
    assert str(caught.value) == (
        f"{path}\n  expected weights in the shapes of the new network, found no layer that fits"
    )


@pytest.mark.parametrize("old", [b"{'descr'", b"'<f4'", b"PK\x01\x02"])
def test_a_damaged_file(network, saved, old):
    _, path = saved(4)
    path.write_bytes(path.read_bytes().replace(old, b"(" * len(old), 1))
    with pytest.raises(RunError, match="expected a file of saved arrays, found"):
        filled(network(4), path)


def test_a_missing_file(network, tmp_path):
    with pytest.raises(RunError, match="expected a file of saved arrays, found No such file"):
        filled(network(4), tmp_path / "none.npz")
