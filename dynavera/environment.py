"""The environment variables that only Dynavera reads."""

from collections.abc import Mapping

PREFIXES = ("DYNAVERA_", "OPENAI_", "TEMPORAL_")
"""Some of these variables are secrets."""


def without_dynavera_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a child process that needs none of our settings and must not see our secrets."""
    return {name: value for name, value in environment.items() if not name.startswith(PREFIXES)}
