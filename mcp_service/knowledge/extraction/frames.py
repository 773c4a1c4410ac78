"""The protocol between the service and the processes that read files."""

LENGTH_BYTES = 4

LOADING_SECONDS = 60
"""The time limit for starting and importing: seconds on a busy machine with a cold disk."""


def frame(data: bytes) -> bytes:
    """`data` with its length before it."""
    return len(data).to_bytes(LENGTH_BYTES) + data
