import json

import numpy as np
import pytest

from dnsearch.data.dataset import Scaling, Split
from dnsearch.errors import DataError

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)


def test_taking_copies_in_the_order_asked_for():
    split = Split(IMAGES.copy(), np.array([5, 6], np.int32))
    taken = split.take(np.array([1, 0, 1]))
    assert taken.labels.tolist() == [6, 5, 6]
    split.images[:] = 0
    assert np.array_equal(taken.images[0], IMAGES[1])


def test_scaling_is_per_channel_and_float32():
    scaled = Scaling((1.0, 2.0, 3.0), (1.0, 2.0, 4.0)).apply(IMAGES)
    assert scaled.dtype == np.float32
    assert scaled.shape == IMAGES.shape
    assert scaled[1, 1, 1].tolist() == [(21 - 1) / 1, (22 - 2) / 2, (23 - 3) / 4]


def test_scaling_survives_json_bit_for_bit():
    scaling = Scaling((0.1, 1 / 3, 125.30691805245536), (62.99321928, 1e-300, 7.0))
    assert Scaling.from_json(json.loads(json.dumps(scaling.as_json()))) == scaling


def test_scaling_survives_json_with_whole_numbers():
    restored = Scaling.from_json({"offset": [0], "scale": [255]})
    assert restored == Scaling((0.0,), (255.0,))
    assert type(restored.scale[0]) is float


@pytest.mark.parametrize(
    "saved",
    [
        {},
        {"offset": [0.0]},
        {"offset": [], "scale": []},
        {"offset": [0.0], "scale": [0.0]},
        {"offset": [0.0], "scale": [1.0, 1.0]},
        {"offset": [0.0], "scale": ["1"]},
        {"offset": [0.0], "scale": [True]},
        {"offset": [float("nan")], "scale": [1.0]},
        {"offset": 0.0, "scale": 1.0},
    ],
)
def test_a_changed_scaling_is_refused(saved):
    with pytest.raises(DataError) as caught:
        Scaling.from_json(saved)
    text = str(caught.value)
    assert (
        "scaling\n  expected offset and scale, with one finite number per channel each and no scale of 0"
        in text
    )
    assert f"found offset {saved.get('offset')!r}" in text
    assert "train again, or restore it" in text
