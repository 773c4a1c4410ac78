"""The browser's page, as the API serves it and as `up` looks for it."""

from pathlib import Path

FOLDER = Path(__file__).parents[1] / "ui" / "dist"
"""Where `npm run build` puts the page."""
