"""How the routes say no, for the OpenAPI page."""

from typing import Any

from dynavera.contracts.system import Problem

Responses = dict[int | str, dict[str, Any]]

NOT_FOUND: Responses = {404: {"model": Problem, "description": "There is none of this id, or it is another user's."}}
CONFLICT: Responses = {409: {"model": Problem, "description": "It cannot be done as things are; `code` says why."}}
OWNER_ONLY: Responses = {403: {"model": Problem, "description": "Only the owner of the instance may do this."}}
SILENT: Responses = {408: {"model": Problem, "description": "The rest of the body did not come."}}
TOO_LARGE: Responses = {413: {"model": Problem, "description": "The body is too large."}}
NOT_JSON: Responses = {415: {"model": Problem, "description": "The body does not say that it is JSON."}}
BODY: Responses = SILENT | TOO_LARGE | NOT_JSON
