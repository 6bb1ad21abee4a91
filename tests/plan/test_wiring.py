"""The connectivity patterns against the edges that their sources draw."""

import pytest

from dnsearch.plan.wiring import layer_width, reads, wired
from dnsearch.spec.network.connectivity import Chain, Dense, Harmonic, Log, Random, Strided, Window

# Pattern, and layer → what it reads, the most recent first; papers and code as named in wiring.py.
DRAWN = {
    "dense": (Dense(), {1: (0,), 5: (4, 3, 2, 1, 0)}),
    "log": (Log(name="log"), {5: (4, 3, 1), 8: (7, 6, 4, 0), 12: (11, 10, 8, 4)}),
    "harmonic": (Harmonic(name="harmonic"), {5: (4,), 8: (7, 6, 4, 0), 12: (11, 10, 8)}),
    "window 4": (Window(name="window", size=4), {2: (1, 0), 12: (11, 10, 9, 8)}),
    "chain": (Chain(name="chain"), {1: (0,), 12: (11,)}),
    "strided 3": (Strided(name="strided", stride=3), {1: (0,), 5: (4, 1), 12: (11, 8, 5, 2)}),
    "random 0": (Random(name="random", probability=0), {1: (0,), 12: (11,)}),
    "random 1": (Random(name="random", probability=1), {5: (4, 3, 2, 1, 0)}),
}
EDGES_OF_16_LAYERS = {"dense": 136, "log": 54, "harmonic": 31, "window 4": 58, "chain": 16}


def random(layer, probability, seed):
    return reads(Random(name="random", probability=probability, seed=seed), layer)


@pytest.mark.parametrize("name", DRAWN)
def test_layers_read_what_is_drawn(name):
    pattern, drawn = DRAWN[name]
    for layer, read in drawn.items():
        assert reads(pattern, layer)[::-1] == read


@pytest.mark.parametrize(("name", "edges"), EDGES_OF_16_LAYERS.items())
def test_edges_of_a_block_of_16(name, edges):
    assert wired(DRAWN[name][0], 16, "block1", 0).edges == edges


@pytest.mark.parametrize("name", DRAWN)
def test_every_pattern_reads_earlier_features_once_and_in_order(name):
    pattern, _ = DRAWN[name]
    for layer in range(1, 65):
        read = reads(pattern, layer)
        assert read == tuple(sorted(set(read)))
        assert 0 <= read[0] <= read[-1] == layer - 1


def test_random_draws_the_same_edges_everywhere():
    """The figures are written down so that a machine or Python that draws others is found out."""
    assert [random(layer, 0.3, seed=7) for layer in (2, 5, 9)] == [(0, 1), (4,), (7, 8)]
    assert random(9, 0.3, seed=8) != random(9, 0.3, seed=7)


def test_random_edges_are_as_frequent_as_asked():
    drawn = sum(len(random(layer, 0.25, seed)) - 1 for seed in range(20) for layer in range(1, 101))
    possible = 20 * sum(layer - 1 for layer in range(1, 101))
    assert drawn / possible == pytest.approx(0.25, abs=0.005)  # four standard deviations


def test_a_higher_probability_keeps_the_edges_of_a_lower_one():
    for layer in range(1, 30):
        assert set(random(layer, 0.2, seed=1)) <= set(random(layer, 0.6, seed=1))


def test_hardnet_puts_out_odd_features_and_the_last():
    pattern = Harmonic(name="harmonic", output="odd_and_last")
    assert wired(pattern, 5, "block1", 0).output == (1, 3, 5)
    assert wired(pattern, 4, "block1", 0).output == (1, 3, 4)


@pytest.mark.parametrize(
    ("layer", "width"), [(1, 10), (2, 18), (4, 28), (6, 18), (8, 50), (12, 28)]
)  # 17, 28.9 and 49.13, to even numbers as hardnet.py does
def test_harmonic_widths(layer, width):
    assert layer_width(Harmonic(name="harmonic", width_multiplier=1.7), layer, growth_rate=10) == width
    assert layer_width(Harmonic(name="harmonic"), layer, growth_rate=11) == 11
    assert layer_width(Log(name="log"), layer, growth_rate=11) == 11
