"""Plan → functional Keras model."""
