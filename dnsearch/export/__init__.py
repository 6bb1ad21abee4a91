"""A trained network leaves dnsearch, and a Keras network comes in."""
