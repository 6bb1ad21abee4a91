"""Every architecture trains an epoch on the digits, U-Nets on masks made from them: finite, falling loss."""

import math

import numpy as np
import pytest
from sklearn.datasets import load_digits

from dnsearch.front_door import planned_spec
from dnsearch.runs.folder import RunFolder
from dnsearch.runs.record import EpochRecord
from dnsearch.spec.document import load
from dnsearch.spec.network import UNet
from dnsearch.train.run import run

DENSENETS = {
    "sparse, log": ["network.connectivity={name: log, output: rule}", "network.layers_per_block=[5, 3]"],
    "harmonic, widening; all blocks in the head": [
        "network.connectivity={name: harmonic, width_multiplier: 1.7, output: odd_and_last}",
        "network.head=all_blocks",
        "network.pooling=both",
    ],
    "random; prelu": [
        "network.connectivity={name: random, probability: 0.4}",
        "network.activation=prelu",
    ],
    "window and strided; strided transition": [
        "network.connectivity=[{name: window, size: 2}, {name: strided, stride: 2}]",
        "network.pooling=conv",
        "network.growth_rate=[4, 8]",
    ],
    "links, space to depth": ["network.cross_block={links: all, downsampling: space_to_depth}"],
    "links, convolutions": ["network.cross_block={links: all, downsampling: conv3x3, compression: 0.5}"],
    "pooling alone between blocks; mish": [
        "network.compression=null",
        "network.pooling=max",
        "network.activation=mish",
        "network.bottleneck_width=null",
    ],
}
UNETS = {
    "unet of dense blocks": {"growth_rate": 4, "layers_per_block": (2, 2, 2), "stem": {"channels": 8}},
    "the same, sparse and compressed": {
        "growth_rate": 4,
        "layers_per_block": (3, 3),
        "compression": 0.5,
        "connectivity": {"name": "log"},
        "pooling": "avg",
    },
    "unet of convolutions": {"unit": "conv", "channels": (8, 16, 32), "normalize": True, "up_kernel": 2},
}


@pytest.mark.parametrize("name", DENSENETS)
def test_densenets_learn(tensorflow_ready, tmp_path, name):
    small = ["network.growth_rate=4", "network.layers_per_block=[2, 2]", "data.training_examples=400"]
    document = load("starter", [*small, "training.epochs=2", *DENSENETS[name]])
    folder = RunFolder.create(tmp_path, "run")
    record = run(planned_spec(document), folder, lambda event: None)
    losses = [epoch.training.loss for epoch in folder.epochs()]
    assert record.state == "finished"
    assert all(map(math.isfinite, losses))
    assert losses[1] < losses[0]


@pytest.mark.parametrize("name", UNETS)
def test_unets_learn_masks_made_of_the_digits(tensorflow_ready, name):
    from dnsearch.model.build import build
    from dnsearch.plan.network import plan_network
    from dnsearch.train.loop import Feed, train
    from dnsearch.train.state import start_afresh
    from dnsearch.train.step import build_trainer

    images = (load_digits().images[:256, :, :, None] / 16).astype("float32")
    masks = (images[..., 0] > 0.5).astype("int32")
    batches = [(images[i : i + 32], masks[i : i + 32]) for i in range(0, 256, 32)]
    network = UNet.model_validate({"family": "unet", **UNETS[name]})
    start_afresh(0)
    training = load("starter", ["training.epochs=2", "training.schedule=constant"]).experiment.training
    trainer = build_trainer(build(plan_network(network, (8, 8, 1), 2)), training)
    feed = Feed(training=lambda epoch: batches, validation=batches[:2])
    epochs = [event for event in train(trainer, feed, training) if isinstance(event, EpochRecord)]
    assert all(math.isfinite(epoch.training.loss) for epoch in epochs)
    assert epochs[1].training.loss < epochs[0].training.loss
    assert epochs[1].training.examples == 256 * 64
    assert 0.5 < epochs[1].training.accuracy <= 1
    assert np.shape(trainer.model(images[:1])) == (1, 8, 8, 2)
