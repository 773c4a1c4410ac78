"""`python -m api.openapi`: print the OpenAPI document, sorted, without starting anything."""

import json
import sys

from api.app import app_without_services


def document() -> str:
    """The OpenAPI document as JSON."""
    return json.dumps(app_without_services().openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
