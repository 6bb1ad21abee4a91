"""How long a run's network takes to answer for one image."""

import time

import numpy as np

from dnsearch.inference.trained import trained
from dnsearch.records.store import RunFolder

WARM_UP, PREDICTIONS = 3, 30


def latency_seconds(folder: RunFolder) -> float:
    """Median seconds of a prediction for one image, by this process with the threads that it has.

    The first few are left out: they trace the network.

    Raises:
        RunError: the run has no weights, or a file of it is damaged.
    """
    network = trained(folder)
    image = np.zeros((1, *network.image_shape), np.float32)
    seconds = []
    for _ in range(WARM_UP + PREDICTIONS):
        began = time.perf_counter()
        np.asarray(network.logits(image))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds[WARM_UP:]))
