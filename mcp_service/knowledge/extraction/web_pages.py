"""HTML: the article of a page, as Markdown."""

import trafilatura
from trafilatura.settings import use_config

_CONFIG = use_config()
# A page may have only one sentence.
for _setting in ("MIN_EXTRACTED_SIZE", "MIN_OUTPUT_SIZE", "MIN_EXTRACTED_COMM_SIZE", "MIN_OUTPUT_COMM_SIZE"):
    _CONFIG["DEFAULT"][_setting] = "1"


def extract_article(html: str) -> str:
    """The article of a page, or all of its text if there is none."""
    # The library does not recognise fragments.
    page = html if "<html" in html[:10_000].lower() else f"<html><body>{html}</body></html>"
    return _article(page, favor_recall=True) or _article(page, favor_recall=False) or trafilatura.html2txt(page)


def _article(page: str, *, favor_recall: bool) -> str | None:
    return trafilatura.extract(
        page,
        output_format="markdown",
        include_comments=False,
        include_tables=True,
        favor_recall=favor_recall,
        config=_CONFIG,
    )
