"""`python -m benchmarks.executions.compare BEFORE AFTER`: two runs of `make bench`, saved as JSON."""

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks.executions.report import Report, comparison


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.executions.compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    Console(width=120).print(comparison(Report.load(arguments.before), Report.load(arguments.after)))


if __name__ == "__main__":
    main()
