"""Vector files replayed through the product's own rules: `python -m tests.replay DIR`."""
