"""What there is to know about a study as a whole, from its book."""
