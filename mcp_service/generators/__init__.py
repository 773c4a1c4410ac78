"""Generators, which write answers."""
