"""`python -m api.openapi`: print the API's OpenAPI page, always in the same order; nothing is started."""

import json
import sys

from api.app import described_app


def document() -> str:
    """The OpenAPI page as JSON."""
    return json.dumps(described_app().openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
