"""The MCP service as an ASGI app: MCP at `/mcp`, plain HTTP routes, and one guard before both."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mcp.server.transport_security import TransportSecuritySettings

from dynavera.credentials import mcp_token
from dynavera.records.agents import Agents
from dynavera.records.database import Database
from dynavera.records.documents import DocumentRecords
from dynavera.records.users import Users
from dynavera.settings import Settings
from dynavera.web.errors import register
from dynavera.web.request_guard import RequestGuard
from mcp_service.authentication import CallerResolver
from mcp_service.generation import Generations
from mcp_service.generators.registry import GeneratorRegistry
from mcp_service.knowledge.embedders import WordLlamaEmbedder
from mcp_service.knowledge.knowledge import open_knowledge
from mcp_service.knowledge.startup import KnowledgeStartup
from mcp_service.limits import ServiceLimits
from mcp_service.mcp_server import mcp_server
from mcp_service.refusals import ERRORS
from mcp_service.request_policy import MAX_BODY_BYTES, request_policy
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
    app.add_middleware(RequestGuard, policy=request_policy(settings, callers, limits.body_timeout), answers=ERRORS)
    register(app, ERRORS)
    return app
