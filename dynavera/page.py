"""The folder of the built web page."""

from pathlib import Path

PAGE_DIR = Path(__file__).parents[1] / "ui" / "dist"
"""The output of `npm run build`."""
