"""Health, versions and metrics."""

import asyncio
import platform
from importlib.metadata import version

from fastapi import Request, Response, status

from api.authentication import CurrentUser
from api.dependencies import ExecutionsDep, HealthDep, KnowledgeDep, SettingsDep
from api.knowledge import Knowledge, McpAway
from api.metrics import MEDIA_TYPE
from api.route_classes import public_router, user_router
from api.routers.responses import Responses
from dynavera.contracts.system import Generators, Health, McpHealth, System, Versions
from dynavera.contracts.users import User
from dynavera.settings import Settings

AWAY: Responses = {503: {"model": Health, "description": "The database or Temporal is away."}}
METRICS: Responses = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "All metrics."}}

public_routes = public_router("/api", "system")
router = user_router("", "system")


@public_routes.get("/health", responses=AWAY)
async def get_health(health: HealthDep, response: Response) -> Health:
    """The health of every component; 503 when the database or Temporal is away."""
    found = await health.check()
    if "away" in (found.checks.database.status, found.checks.temporal.status):
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return found


@router.get("/api/system")
async def get_system(user: CurrentUser, settings: SettingsDep, knowledge: KnowledgeDep, health: HealthDep) -> System:
    """Versions, generators, embedder and addresses."""
    service, generators, temporal = await asyncio.gather(
        _service(knowledge), _generators(knowledge, user), health.temporal_version()
    )
    return System(
        versions=Versions(dynavera=version("dynavera"), python=platform.python_version(), temporal=temporal),
        generator=service.generator if service else None,
        generators=generators.usable if generators else [],
        unusable_models=generators.unusable if generators else [],
        embedder=service.embedder if service else None,
        passages_to_embed=service.passages_to_embed if service else 0,
        temporal_ui=_temporal_ui(settings),
        mcp_url=settings.mcp_client_url,
    )


@router.get("/metrics", response_class=Response, responses=METRICS)
async def get_metrics(request: Request, executions: ExecutionsDep) -> Response:
    """Prometheus metrics: the requests that this process has answered, and the live executions."""
    return Response(request.app.state.metrics.exposition(await executions.records.count_live()), media_type=MEDIA_TYPE)


async def _service(knowledge: Knowledge) -> McpHealth | None:
    try:
        return await knowledge.health()
    except McpAway:
        return None


async def _generators(knowledge: Knowledge, user: User) -> Generators | None:
    try:
        return await knowledge.generators(user)
    except McpAway:
        return None


def _temporal_ui(settings: Settings) -> str | None:
    """The address of Temporal Web; unknown for an external Temporal unless it is set."""
    elsewhere = settings.temporal_address is not None and settings.temporal_ui_url is None
    return None if elsewhere else settings.temporal_web_url
