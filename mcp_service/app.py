"""The MCP service as an ASGI app: MCP at `/mcp`, plain HTTP routes, and one guard before both."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request, Response, status
from fastapi.exceptions import RequestValidationError
from mcp.server.transport_security import TransportSecuritySettings
from starlette.exceptions import HTTPException

from dynavera.credentials import mcp_token
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.documents import DocumentRecords
from dynavera.records.users import Users
from dynavera.settings import Settings
from dynavera.web.problems import error_summary, field_errors
from mcp_service.authentication import CallerResolver
from mcp_service.generation import Generations
from mcp_service.generators.registry import GeneratorRegistry
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from mcp_service.knowledge.knowledge import open_knowledge
from mcp_service.knowledge.startup import KnowledgeStartup
from mcp_service.limits import ServiceLimits
from mcp_service.mcp_server import mcp_server
from mcp_service.problems import problem, refusal_response
from mcp_service.refusals import EXPECTED_ERRORS, ExpectedError
from mcp_service.request_guard import MAX_BODY_BYTES, AllowedHosts, RequestGuard
from mcp_service.routes import router
from mcp_service.service import Service


def create_app(settings: Settings, database: Database, limits: ServiceLimits = ServiceLimits()) -> FastAPI:  # noqa: B008 -- frozen
    """The service; its lifespan needs a database that is migrated and has a first user.

    It can generate as soon as the lifespan starts; the knowledge is opened in the background.

    Raises:
        GeneratorUnavailable: the default generator cannot be used.
    """
    callers = CallerResolver(Users(database), mcp_token(settings))
    wordllama = WordLlamaEmbedder()
    generators = GeneratorRegistry(settings, wordllama, limits.stop_grace)
    generators.check_default()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        knowledge = KnowledgeStartup(
            open_knowledge(settings.data_dir / "knowledge", settings.embedder, database, limits, wordllama),
            limits.startup_wait,
        )
        app.state.service = Service(
            callers, Agents(database), DocumentRecords(database), Generations(generators), knowledge, limits
        )
        try:
            async with knowledge.running(), server.session_manager.run():
                yield
        finally:
            await generators.close()

    app = FastAPI(title="Dynavera's MCP service", lifespan=lifespan)
    server = mcp_server(lambda: app.state.service, limits.keep_alive.total_seconds())
    # The request guard checks hosts and origins of every path; the SDK's check would know fewer names.
    mcp_app = server.streamable_http_app(
        max_request_body_size=MAX_BODY_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    # Routes are tried in order, and this one has the most requests.
    app.router.routes.extend(mcp_app.routes)
    app.include_router(router)
    app.add_middleware(
        RequestGuard,
        callers=callers,
        allowed=AllowedHosts.from_settings(settings),
        max_requests_per_user=settings.max_requests_per_user,
    )
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)
    for error_type in EXPECTED_ERRORS:
        app.add_exception_handler(error_type, _refused)
    return app


async def _refused(_request: Request, error: Exception) -> Response:
    return refusal_response(cast("ExpectedError", error))


async def _fault(_request: Request, _error: Exception) -> Response:
    # The server logs the error.
    return problem(status.HTTP_500_INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here. See the log.")


async def _invalid(_request: Request, error: Exception) -> Response:
    errors = field_errors(cast("RequestValidationError", error).errors())
    return problem(status.HTTP_422_UNPROCESSABLE_CONTENT, "invalid_request", error_summary(errors), errors=errors)


async def _http_error(_request: Request, error: Exception) -> Response:
    failed = cast("HTTPException", error)
    code = HTTPStatus(failed.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    return problem(failed.status_code, code, f"{failed.detail}.".replace("..", "."), headers=failed.headers)
