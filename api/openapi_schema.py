"""Post-processing of the OpenAPI document."""

from typing import Any, cast

from dynavera.web.problems import MEDIA_TYPE

PROBLEM = {"$ref": "#/components/schemas/Problem"}

TAGS: list[dict[str, Any]] = [
    {"name": "agents", "description": "Agents and their settings."},
    {"name": "executions", "description": "One run of an agent each: start, stop, retry, and the event log."},
    {"name": "documents", "description": "The knowledge base, and searching it."},
    {"name": "users", "description": "Sessions, API keys and users."},
    {"name": "system", "description": "Health, versions and metrics."},
]


def tidy_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """`schema` with problems under their own media type, and with descriptions of constants."""
    for model in cast("dict[str, dict[str, Any]]", schema["components"]["schemas"]).values():
        for field in cast("dict[str, dict[str, Any]]", model.get("properties", {})).values():
            if "const" in field:
                field.setdefault("description", f"Always `{field['const']}`.")
    for operations in cast("dict[str, dict[str, Any]]", schema["paths"]).values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _without_null(parameter["schema"])
            for response in operation["responses"].values():
                content: dict[str, Any] = response.get("content", {})
                if content.get("application/json", {}).get("schema") == PROBLEM:
                    content[MEDIA_TYPE] = content.pop("application/json")
    return schema


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without null: it can be omitted, but a URL or a header cannot contain null."""
    choices = cast("list[dict[str, Any]]", schema.get("anyOf", []))
    given = [choice for choice in choices if choice != {"type": "null"}]
    if len(given) != 1:
        return schema
    return {**given[0], **{name: value for name, value in schema.items() if name != "anyOf"}}
