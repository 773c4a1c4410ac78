"""Error responses for the OpenAPI document."""

from typing import Any

from dynavera.contracts.system import Problem

Responses = dict[int | str, dict[str, Any]]

NOT_FOUND: Responses = {404: {"model": Problem, "description": "There is none with this id, or it is another user's."}}
CONFLICT: Responses = {
    409: {"model": Problem, "description": "The current state does not allow it; `code` has the reason."}
}
OWNER_ONLY: Responses = {403: {"model": Problem, "description": "Only the owner of the instance may do this."}}
BODY_STALLED: Responses = {408: {"model": Problem, "description": "The rest of the body did not arrive."}}
TOO_LARGE: Responses = {413: {"model": Problem, "description": "The body is too large."}}
NOT_JSON: Responses = {415: {"model": Problem, "description": "The content type is not JSON."}}
BODY: Responses = BODY_STALLED | TOO_LARGE | NOT_JSON
