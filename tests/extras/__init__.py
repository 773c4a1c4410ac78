"""Tests of the optional extras; only `make test-extras` runs them."""
