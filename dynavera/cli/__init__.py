"""`dynavera …`: a customer of the HTTP API, and the starter of the processes."""

import sys


def main() -> None:
    """Run the command line."""
    # Imported here, so that nothing but the script itself is loaded by whoever imports the package.
    from dynavera.cli.app import run_command_line

    sys.exit(run_command_line(sys.argv[1:]))
