"""Rival: the article's network in plain PyTorch, channels_last, on request with checkpointed layers.

"Checkpointed" is what torchvision's ``memory_efficient=True`` does (Pleiss et al., 2017): the part up to the
bottleneck convolution is computed again in the backward pass.
"""

import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

K, LAYERS, ALPHA, DROPOUT, COMPRESSION = 12, (12, 12, 12), 0.1, 0.2, 0.5


class DenseLayer(nn.Module):
    def __init__(self, channels, checkpointed):
        super().__init__()
        self.checkpointed = checkpointed
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, 4 * K, 1)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * K), nn.Conv2d(4 * K, K, 3, padding=1)

    def bottleneck(self, *features):
        return self.conv1(functional.relu(self.norm1(torch.cat(features, 1)), inplace=True))

    def forward(self, features):
        if self.checkpointed:
            narrow = checkpoint(self.bottleneck, *features, use_reentrant=False)
        else:
            narrow = self.bottleneck(*features)
        new = self.conv2(functional.relu(self.norm2(narrow), inplace=True))
        return functional.dropout(new, DROPOUT, self.training)


class Network(nn.Module):
    def __init__(self, checkpointed=False):
        super().__init__()
        channels = 2 * K
        self.stem, self.stem_norm = nn.Conv2d(3, channels, 3, padding=1), nn.BatchNorm2d(channels)
        self.blocks, self.transitions = nn.ModuleList(), nn.ModuleList()
        for block, depth in enumerate(LAYERS, 1):
            self.blocks.append(
                nn.ModuleList(DenseLayer(channels + K * layer, checkpointed) for layer in range(depth))
            )
            channels += K * depth
            if block < len(LAYERS):
                narrow = int(COMPRESSION * channels)
                self.transitions.append(
                    nn.Sequential(
                        nn.BatchNorm2d(channels),
                        nn.ReLU(inplace=True),
                        nn.Conv2d(channels, narrow, 1),
                        nn.AvgPool2d(2),
                    )
                )
                channels = narrow
        self.head_norm, self.classifier = nn.BatchNorm2d(channels), nn.Linear(channels, 10)

    def forward(self, images):
        output = functional.leaky_relu(self.stem_norm(self.stem(images)), ALPHA, inplace=True)
        for number, block in enumerate(self.blocks):
            features = [output]
            for layer in block:
                features.append(layer(features))
            output = torch.cat(features, 1)
            if number < len(self.transitions):
                output = self.transitions[number](output)
        return self.classifier(self.head_norm(output).mean((2, 3)))


def optimizer(name, parameters):
    match name:
        case "sgd":
            return torch.optim.SGD(parameters, 0.1, momentum=0.9, nesterov=True)
        case "adamw":
            return torch.optim.AdamW(parameters, 1e-3)


def training(update, batch_size, steps, checkpointed=False):
    """The network built and trained for some steps, on one batch."""
    rng = np.random.default_rng(0)
    images = torch.from_numpy(rng.random((batch_size, 3, 32, 32), np.float32))
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.from_numpy(rng.integers(0, 10, batch_size))
    began = time.perf_counter()
    model = Network(checkpointed).to(memory_format=torch.channels_last)
    updates = optimizer(update, model.parameters())
    ends = []
    for _ in range(steps):
        updates.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        updates.step()
        loss.item()
        ends.append(time.perf_counter())
    return {
        "first_step_seconds": ends[0] - began,
        "images_per_second": batch_size / float(np.median(np.diff(ends))),
    }
