"""The MCP service: the tools at `/mcp` and the plain HTTP calls, behind one door."""

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
from mcp_service.authentication import Doorkeeper
from mcp_service.door import LARGEST_BODY, AllowedHosts, Door
from mcp_service.generation import Generations
from mcp_service.generators.choice import Generators
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from mcp_service.knowledge.knowledge import open_knowledge
from mcp_service.knowledge.opening import OpeningKnowledge
from mcp_service.problems import problem, refusal_response
from mcp_service.protocol import mcp_server
from mcp_service.refusals import KNOWN, Known
from mcp_service.routes import router
from mcp_service.service import Service


def create_app(settings: Settings, database: Database) -> FastAPI:
    """The service; its lifespan needs a database that is migrated and has a first user.

    It generates as soon as that has begun; the knowledge is opened meanwhile.

    Raises:
        GeneratorUnavailable: the default generator cannot be used.
    """
    doorkeeper = Doorkeeper(Users(database), mcp_token(settings))
    words = WordLlamaEmbedder()
    generators = Generators(settings, words)
    generators.check_default()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        knowledge = OpeningKnowledge(
            open_knowledge(settings.data_dir / "knowledge", settings.embedder, database, words)
        )
        app.state.service = Service(
            doorkeeper, Agents(database), DocumentRecords(database), Generations(generators), knowledge
        )
        try:
            async with knowledge.under_way(), server.session_manager.run():
                yield
        finally:
            await generators.close()

    app = FastAPI(title="Dynavera's MCP service", lifespan=lifespan)
    server = mcp_server(lambda: app.state.service)
    # The door checks hosts and origins of every path, so the SDK need not, and would know fewer names.
    tools = server.streamable_http_app(
        max_request_body_size=LARGEST_BODY,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    # Routes are tried one after the other, and this is the one that is asked for most.
    app.router.routes.extend(tools.routes)
    app.include_router(router)
    app.add_middleware(
        Door,
        doorkeeper=doorkeeper,
        allowed=AllowedHosts.of(settings),
        max_requests_per_user=settings.max_requests_per_user,
    )
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)
    for known in KNOWN:
        app.add_exception_handler(known, _refused)
    return app


async def _refused(_request: Request, error: Exception) -> Response:
    return refusal_response(cast("Known", error))


async def _fault(_request: Request, _error: Exception) -> Response:
    # The error itself goes on to the server, which logs it.
    return problem(status.HTTP_500_INTERNAL_SERVER_ERROR, "internal_error", "Something went wrong here. See the log.")


async def _invalid(_request: Request, error: Exception) -> Response:
    errors = field_errors(cast("RequestValidationError", error).errors())
    return problem(status.HTTP_422_UNPROCESSABLE_CONTENT, "invalid_request", error_summary(errors), errors=errors)


async def _http_error(_request: Request, error: Exception) -> Response:
    failed = cast("HTTPException", error)
    code = HTTPStatus(failed.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    return problem(failed.status_code, code, f"{failed.detail}.".replace("..", "."), headers=failed.headers)
