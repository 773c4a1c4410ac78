"""The command line `dynavera`: a client of the HTTP API, and the launcher of the processes."""

import sys


def main() -> None:
    """Run the command line."""
    # Imported here, so that importing the package loads nothing else.
    from dynavera.cli.app import run_command_line

    sys.exit(run_command_line(sys.argv[1:]))
