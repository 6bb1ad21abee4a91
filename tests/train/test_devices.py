"""Which graphics cards a training gets, and what a person is told. The cards are made up; none is touched."""

import pytest

from dnsearch import environment
from dnsearch.errors import SpecError

MANY = ("GPU:0", "GPU:1", "GPU:2")


@pytest.fixture
def machine(monkeypatch):
    """A function: cards → they are this machine's."""

    def has(cards):
        monkeypatch.setattr(environment, "gpus", lambda: cards)
        monkeypatch.setattr(environment, "cores", lambda: 2)

    return has


@pytest.mark.parametrize(
    ("cards", "devices", "expected"),
    [(MANY, "one", MANY[:1]), (MANY, "all", MANY), ((), "one", ()), ((), "all", ())],
)
def test_one_or_all(machine, training, cards, devices, expected):
    from dnsearch.train.devices import training_devices

    machine(cards)
    assert training_devices(training(devices=devices), 100) == expected


@pytest.mark.parametrize(("batch_size", "examples"), [(5, 100), (64, 5)])
def test_each_card_needs_two_images(machine, training, batch_size, examples):
    from dnsearch.train.devices import training_devices

    machine(MANY)
    assert training_devices(training(devices="all", batch_size=6), 6) == MANY
    assert training_devices(training(batch_size=1), 1) == MANY[:1]
    with pytest.raises(SpecError) as caught:
        training_devices(training(devices="all", batch_size=batch_size), examples)
    assert str(caught.value) == (
        "training.devices\n"
        "  expected batches of at least 6 images, two for each of 3 GPUs, found 5\n"
        "  Train on one device instead."
    )


NOTHING = "no GPU found; training on 2 cores"


@pytest.mark.parametrize(
    ("fields", "cards", "expected"),
    [
        ({}, (), ""),
        ({"xla": "auto", "precision": "float32"}, MANY, ""),
        ({"devices": "all", "precision": "mixed_float16", "xla": "on"}, MANY, ""),
        (
            {"devices": "all"},
            MANY[:1],
            "one GPU found; training.devices: all is the same as one here",
        ),
        ({"devices": "all"}, (), f"{NOTHING}\n  training.devices: all is the same as one here"),
        (
            {"precision": "mixed_float16", "xla": "on"},
            (),
            f"{NOTHING}\n  training.precision: mixed_float16 saves no time here"
            "\n  training.xla: on saves no time here",
        ),
    ],
)
def test_what_a_machine_has_not_is_said(machine, training, fields, cards, expected):
    from dnsearch.train.devices import unmet

    machine(cards)
    assert unmet(training(**fields), cards) == expected
