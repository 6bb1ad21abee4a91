"""The story of many runs: sampling, search, child processes."""
