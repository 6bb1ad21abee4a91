"""What ``import dnsearch`` offers."""

import json
import subprocess
import sys

import numpy as np
import pytest

import dnsearch

TINY = ("network.growth_rate=2", "network.layers_per_block=[2, 2, 2]")


def test_every_name_is_there_and_documented():
    for name in dnsearch.__all__:
        assert getattr(dnsearch, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'compare_all'"):
        dnsearch.compare_all  # noqa: B018  (the access is what is tested)


def test_importing_is_light_and_a_package_does_not_hide_a_function():
    code = (
        "import sys, dnsearch; heavy = {'numpy', 'pydantic', 'tensorflow', 'optuna'} & {*sys.modules}; "
        "import dnsearch.plan.cost, dnsearch.runs.record; print(heavy, callable(dnsearch.plan))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set() True\n"


def test_a_spec_is_a_name_a_file_or_a_mapping(tmp_path):
    values = {"extends": "starter", "name": "wide", "network": {"growth_rate": 32}}
    loaded = dnsearch.load(values)
    (tmp_path / "wide.yaml").write_text("extends: starter\nname: wide\nnetwork: {growth_rate: 32}\n")
    assert loaded.experiment == dnsearch.load(tmp_path / "wide.yaml").experiment
    assert dnsearch.load(loaded) is loaded
    assert dnsearch.load(loaded, "network.growth_rate=8").experiment.network.growth_rate == 8
    assert dnsearch.cost("article").cost.parameters == 504_052
    with pytest.raises(dnsearch.SpecError, match=r"growth_rat\b"):
        dnsearch.load({"extends": "starter", "network": {"growth_rat": 32}})


@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")  # Keras as it saves
@pytest.mark.parametrize("preset", ["article", "article-unet"])
def test_a_model_is_saved_loaded_and_cloned_like_any_other(tensorflow_ready, tmp_path, preset):
    import keras

    fields = (
        TINY if preset == "article" else ("network.growth_rate=2", "network.layers_per_block=[1, 1, 1, 1, 1]")
    )
    model = dnsearch.build(dnsearch.load(preset, *fields), seed=3)
    images = np.random.default_rng(0).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    expected = model.predict(images, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    cloned = keras.models.clone_model(model)
    cloned.set_weights(model.get_weights())
    for other in (loaded, cloned):
        assert np.array_equal(other.predict(images, verbose=0), expected)
        # As JSON: a shape that Keras reads from a file is a list, and otherwise a tuple.
        assert json.dumps(other.get_config()) == json.dumps(model.get_config())


def test_equal_seeds_build_equal_models(tensorflow_ready):
    spec = dnsearch.load("article", *TINY)
    first, same, other = (dnsearch.build(spec, seed=seed).get_weights()[0] for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_what_cannot_be_searched_or_trained_is_refused(tmp_path):
    with pytest.raises(dnsearch.SpecError, match="expected a tune section, found none in article"):
        dnsearch.search("article", runs=tmp_path)
    with pytest.raises(dnsearch.SpecError, match="expected data as well, found validation alone"):
        dnsearch.train("starter", validation=(np.zeros((2, 8, 8)), np.arange(2)), runs=tmp_path)
    with pytest.raises(
        dnsearch.SpecError, match=r"data\n  expected images and labels, \(x, y\), found ndarray"
    ):
        dnsearch.train("starter", data=np.zeros((2, 8, 8)), runs=tmp_path)
    with pytest.raises(dnsearch.DataError, match="x_train"):
        dnsearch.train("starter", data=(np.zeros((2, 8)), np.arange(2)), runs=tmp_path)
