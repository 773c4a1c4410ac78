"""What of this process's environment concerns us alone."""

from collections.abc import Mapping

OURS = ("DYNAVERA_", "OPENAI_", "TEMPORAL_")
"""How the names begin that are read here; some of them are secrets."""


def without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment for a program that needs none of our settings, and must not see our secrets."""
    return {name: value for name, value in environment.items() if not name.startswith(OURS)}
