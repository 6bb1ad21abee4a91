"""Records → ranking, tables and texts."""
