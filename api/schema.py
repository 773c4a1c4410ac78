"""The OpenAPI page in our own words."""

from typing import Any, cast

from api.problems import MEDIA_TYPE

PROBLEM = {"$ref": "#/components/schemas/Problem"}

TAGS: list[dict[str, Any]] = [
    {"name": "agents", "description": "Who is asked, and with which settings."},
    {"name": "executions", "description": "One run of an agent each: start, stop, retry, and the event log."},
    {"name": "documents", "description": "The knowledge base, and what is found in it."},
    {"name": "users", "description": "Sessions, API keys and users."},
    {"name": "system", "description": "What runs, and how it is."},
]


def tidied(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with problems under their own media type, and with words for what is always the same."""
    for model in cast("dict[str, dict[str, Any]]", schema["components"]["schemas"]).values():
        for field in cast("dict[str, dict[str, Any]]", model.get("properties", {})).values():
            if "const" in field:
                field.setdefault("description", f"Always `{field['const']}`.")
    for operations in cast("dict[str, dict[str, Any]]", schema["paths"]).values():
        for operation in operations.values():
            for response in operation["responses"].values():
                content: dict[str, Any] = response.get("content", {})
                if content.get("application/json", {}).get("schema") == PROBLEM:
                    content[MEDIA_TYPE] = content.pop("application/json")
    return schema
