"""The story of many runs: one coordinator proposes trials, hands them to an executor, writes the study."""
