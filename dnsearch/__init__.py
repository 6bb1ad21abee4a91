"""A laboratory for DenseNets in a terminal: specs, exact cost, training, search, leaderboard."""

__version__ = "0.1.0"
