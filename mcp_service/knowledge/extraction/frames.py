"""What the service and the processes that read files agree on: what a frame is, and how long loading may take."""

LENGTH_BYTES = 4

LOADING_SECONDS = 60
"""What a process may take to start, and to import what it needs: seconds, on a busy machine with a cold disk."""


def frame(data: bytes) -> bytes:
    """`data` behind its length."""
    return len(data).to_bytes(LENGTH_BYTES) + data
