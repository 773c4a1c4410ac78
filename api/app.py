"""The app: request guard, routes, errors, and the UI."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from api.dependencies import Services
from api.errors import ERRORS
from api.metrics import CountedRequests, Metrics
from api.openapi_schema import TAGS, tidy_schema
from api.page import Page
from api.protective_headers import ProtectiveHeaders
from api.request_policy import request_policy
from api.root_path import RootPath
from api.routers import ROUTERS
from dynavera.page import PAGE_DIR
from dynavera.web.errors import register
from dynavera.web.quotas import Quotas
from dynavera.web.request_guard import RequestGuard

DESCRIPTION = "Ask AI agents over your own documents. Errors are RFC 9457 problems with a stable `code`."

MIN_COMPRESSED_BYTES = 1000
"""Smaller files are not compressed: that would not save a packet."""


class Api(FastAPI):
    """FastAPI with a post-processed OpenAPI document."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, created once."""
        if self.openapi_schema is None:
            self.openapi_schema = tidy_schema(super().openapi())
        return self.openapi_schema


def app_without_services() -> Api:
    """The app with its routes only, for the OpenAPI document."""
    app = Api(
        title="Dynavera",
        version=version("dynavera"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url="/api/openapi.json",
        # FastAPI's viewers load scripts from a CDN; any other viewer can load the JSON.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    for router in ROUTERS:
        app.include_router(router)
    return app


def create_app(services: Services, page: Path = PAGE_DIR) -> FastAPI:
    """The API with `services`, and the UI that is built in the folder `page`."""
    app = app_without_services()
    app.state.services = services
    app.state.metrics = Metrics()
    app.state.quotas = Quotas.from_settings(services.settings)
    # Only files are compressed: the length of a compressed response can reveal secrets (BREACH).
    app.router.default = GZipMiddleware(Page(page, services.settings.root_path), MIN_COMPRESSED_BYTES)
    register(app, ERRORS)
    # The middleware added last runs first.
    app.add_middleware(RequestGuard, policy=request_policy(services.settings, services.limits), answers=ERRORS)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=services.settings.page_origins,
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
        allow_credentials=True,
        expose_headers=["Retry-After"],
    )
    app.add_middleware(ProtectiveHeaders)
    app.add_middleware(CountedRequests, metrics=app.state.metrics)
    app.add_middleware(RootPath, root_path=services.settings.root_path)
    return app


def _name(route: APIRoute) -> str:
    return route.name
