"""A network as pure data, and its exact cost."""
