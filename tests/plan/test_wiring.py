"""The wiring rules against the edges that their sources draw."""

import pytest

from dnsearch.plan import wiring

# FAMILY of rules: layer → what it reads, the most recent first; papers and code as named in wiring.py.
DRAWN = {
    "dense": (wiring.dense, {5: (4, 3, 2, 1, 0)}),
    "log": (wiring.log, {5: (4, 3, 1), 8: (7, 6, 4, 0), 12: (11, 10, 8, 4)}),
    "harmonic": (wiring.harmonic, {5: (4,), 8: (7, 6, 4, 0), 12: (11, 10, 8)}),
    "window 4": (lambda layer: wiring.window(layer, 4), {2: (1, 0), 12: (11, 10, 9, 8)}),
    "chain": (wiring.chain, {1: (0,), 12: (11,)}),
    "strided 3": (lambda layer: wiring.strided(layer, 3), {1: (0,), 5: (4, 1), 12: (11, 8, 5, 2)}),
}
EDGES_OF_16_LAYERS = {"dense": 136, "log": 54, "harmonic": 31, "window 4": 58, "chain": 16}


@pytest.mark.parametrize("name", DRAWN)
def test_layers_read_what_is_drawn(name):
    rule, drawn = DRAWN[name]
    for layer, read in drawn.items():
        assert rule(layer)[::-1] == read


@pytest.mark.parametrize(("name", "edges"), EDGES_OF_16_LAYERS.items())
def test_edges_of_a_block_of_16(name, edges):
    assert sum(len(DRAWN[name][0](layer)) for layer in range(1, 17)) == edges


@pytest.mark.parametrize("name", DRAWN)
def test_every_rule_reads_earlier_features_once_and_in_order(name):
    rule, _ = DRAWN[name]
    for layer in range(1, 65):
        read = rule(layer)
        assert read == tuple(sorted(set(read)))
        assert 0 <= read[0] <= read[-1] == layer - 1


def test_random_draws_the_same_edges_everywhere():
    """The figures stand here so that another machine or Python that draws others is found out."""
    assert [wiring.random(layer, 0.3, seed=7) for layer in (2, 5, 9)] == RANDOM_EDGES
    assert wiring.random(9, 0.3, seed=8) != wiring.random(9, 0.3, seed=7)


RANDOM_EDGES = [(0, 1), (4,), (7, 8)]


def test_random_edges_are_as_frequent_as_asked():
    drawn = sum(len(wiring.random(layer, 0.25, seed)) - 1 for seed in range(20) for layer in range(1, 101))
    possible = 20 * sum(layer - 1 for layer in range(1, 101))
    assert drawn / possible == pytest.approx(0.25, abs=0.005)  # four standard deviations


def test_a_higher_probability_keeps_the_edges_of_a_lower_one():
    for layer in range(1, 30):
        assert set(wiring.random(layer, 0.2, seed=1)) <= set(wiring.random(layer, 0.6, seed=1))


def test_hardnet_puts_out_odd_features_and_the_last():
    assert wiring.odd_and_last(5) == (1, 3, 5)
    assert wiring.odd_and_last(4) == (1, 3, 4)


@pytest.mark.parametrize(
    ("layer", "times"), [(1, 1), (2, 1.7), (4, 1.7**2), (6, 1.7), (8, 1.7**3), (12, 1.7**2)]
)
def test_harmonic_widths(layer, times):
    assert wiring.harmonic_width(layer, 1.7) == pytest.approx(times)
