"""The app: guards, routes, errors, and the page."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from api.dependencies import Services
from api.errors import ANSWERS
from api.metrics import CountedRequests, Metrics
from api.page import Page
from api.protective_headers import ProtectiveHeaders
from api.request_policy import request_policy
from api.root_path import RootPath
from api.routers import ROUTERS
from api.schema import TAGS, tidied
from dynavera.page import PAGE_DIR
from dynavera.web.errors import register
from dynavera.web.quotas import Quotas
from dynavera.web.request_guard import RequestGuard

DESCRIPTION = "Ask AI agents over your own documents. Errors are RFC 9457 problems with a stable `code`."

SMALLEST_COMPRESSED = 1000
"""Bytes of a file from which on compressing it saves a packet."""


class Api(FastAPI):
    """FastAPI with our own words on its OpenAPI page."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI page, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = tidied(super().openapi())
        return self.openapi_schema


def described_app() -> Api:
    """The routes alone: enough for the OpenAPI page, and nothing that runs."""
    app = Api(
        title="Dynavera",
        version=version("dynavera"),
        description=DESCRIPTION,
        openapi_tags=TAGS,
        openapi_url="/api/openapi.json",
        # Their pages load scripts from elsewhere; the JSON is there for any viewer.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_name,
    )
    for router in ROUTERS:
        app.include_router(router)
    return app


def create_app(services: Services, page: Path = PAGE_DIR) -> FastAPI:
    """The API over `services`, and the page that is built in the folder `page`."""
    app = described_app()
    app.state.services = services
    app.state.metrics = Metrics()
    app.state.quotas = Quotas.of(services.settings)
    # Only files are compressed: an answer that mixes secrets with a caller's words would tell of them by its length.
    app.router.default = GZipMiddleware(Page(page, services.settings.root_path), SMALLEST_COMPRESSED)
    register(app, ANSWERS)
    # The last one added is the first one asked.
    app.add_middleware(RequestGuard, policy=request_policy(services.settings, services.limits), answers=ANSWERS)
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
