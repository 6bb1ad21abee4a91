"""The rivals have the article's network exactly, every job calls a real function, and our side measures."""

import inspect
from importlib import import_module
from math import prod
from pathlib import Path

import commands
import pytest
from jobs import jobs

from dnsearch.plan.cost import cost
from dnsearch.plan.network import plan_network
from dnsearch.spec.document import load, settings


@pytest.fixture(scope="module")
def article(tensorflow_ready):
    """The plan of the preset, and the sizes of all its weights."""
    from dnsearch.model.build import build

    plan = plan_network(load("article").experiment.network, (32, 32, 3), 10)
    return plan, sorted(prod(weight.shape) for weight in build(plan).weights)


def test_stock_keras_has_the_articles_network(article):
    plan, sizes = article
    network = import_module("stock_keras").network()
    costs = cost(plan)
    assert network.count_params() == costs.trainable + costs.other == 504_052
    assert sorted(prod(weight.shape) for weight in network.weights) == sizes
    assert network.output_shape == (None, 10)


def test_pytorch_has_the_articles_network(article):
    torch = pytest.importorskip("torch")
    _, sizes = article
    network = import_module("plain_torch").Network()
    arrays = [array for name, array in network.state_dict().items() if "num_batches" not in name]
    assert sorted(array.numel() for array in arrays) == sizes
    assert sum(array.numel() for array in arrays) == 504_052
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_checkpointed_layers_have_the_same_gradients():
    torch = pytest.importorskip("torch")
    from plain_torch import DenseLayer

    features = [torch.randn(2, 24, 4, 4, requires_grad=True)]
    plain, checkpointed = DenseLayer(24, False), DenseLayer(24, True)
    checkpointed.load_state_dict(plain.state_dict())
    gradients = []
    for layer in (plain, checkpointed):
        torch.manual_seed(0)
        gradients.append(
            torch.autograd.grad(layer(features).square().sum(), [*features, *layer.parameters()])
        )
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("job", jobs(), ids=lambda job: job.name)
def test_every_job_calls_a_function_that_there_is(job, tensorflow_ready):
    if job.side == "plain_torch":
        pytest.importorskip("torch")
    inspect.signature(getattr(import_module(job.side), job.function)).bind(**job.arguments)


SMALL = ["network.layers_per_block=[1]", "network.growth_rate=2", "training.batch_size=4"]


@pytest.mark.parametrize("recompute", [False, True])
def test_our_training(tensorflow_ready, recompute):
    found = import_module("ours").training("starter", SMALL, steps=3, recompute=recompute)
    assert found.keys() == {"first_step_seconds", "images_per_second", "step_seconds", "peak_bytes"}
    assert found["images_per_second"] == pytest.approx(4 / found["step_seconds"])
    assert min(found.values()) >= 0


@pytest.mark.parametrize(
    "overrides",
    [
        ["training.augmentation={flip: horizontal, crop: 1}"],
        ["data={source: npz, path: nowhere.npz}", "training.augmentation={flip: horizontal, crop: 1}"],
    ],
    ids=["digits", "colours"],
)
def test_our_feeding(tensorflow_ready, overrides):
    found = import_module("ours").feeding("starter", [*SMALL, *overrides], examples=40, epochs=1)
    assert found.keys() == {"constant_seconds", "fed_seconds"}
    assert min(found.values()) > 0


def test_our_inference_and_checkpoint(tensorflow_ready):
    ours = import_module("ours")
    assert ours.inference("starter", SMALL, batches=2, passes=1)["images_per_second"] > 0
    assert ours.checkpoint("starter", SMALL, saves=2)["save_seconds"] > 0


def test_our_machine(tensorflow_ready):
    found = import_module("ours").machine()
    assert found["machine"]["cores"] >= 1
    assert "keras" in found["versions"]


@pytest.mark.parametrize("name", ["search_digits", "search_fashion"])
def test_the_sides_of_a_search_have_dnsearchs_networks(name, tensorflow_ready):
    from our_search import SEARCHED

    common = import_module("stock_search").FASHION if name == "search_fashion" else {}
    spec = load(str(Path(__file__).parent / f"{name}.yaml"), ["network.growth_rate=7"]).experiment
    values = settings(spec)
    network = {name: values[path] for path, name in SEARCHED.items() if path != "training.learning_rate"}
    costs = cost(plan_network(spec.network, (28, 28, 1), 10))
    rival = import_module("stock_keras").densenet((28, 28, 1), **network, **common)
    assert rival.count_params() == costs.trainable + costs.other
    if name == "search_fashion":
        theirs = {"stem_stride": spec.network.stem.stride, "dropout": spec.network.dropout}
        assert common == {**theirs, "momentum": spec.network.batch_norm.momentum}


@pytest.mark.parametrize(
    "job", [job for job in jobs(quick=True) if job.side == "commands"], ids=lambda job: job.name
)
def test_a_command_is_measured_beside_the_bare_interpreter(job):
    found = commands.started(**job.arguments)
    assert found.keys() == {"bare_seconds", "command_seconds"}
    assert 0 < found["bare_seconds"] < found["command_seconds"]
