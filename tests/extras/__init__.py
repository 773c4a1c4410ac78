"""Tests of the extras, which only `make test-extras` runs: they need what the default install does not have."""
