"""The services that the routes use."""

from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.execution_service import ExecutionService
from api.health_checks import HealthChecks
from api.knowledge import Knowledge
from api.limits import ApiLimits
from api.live.changes import ExecutionChanges
from api.live.discovery import NewExecutions
from api.live.previews import Previews
from api.live.relay import Relay
from dynavera.records.agents import Agents
from dynavera.records.sessions import Sessions
from dynavera.records.users import Users
from dynavera.settings import Settings
from dynavera.web.quotas import Quotas


@dataclass(frozen=True)
class Services:
    """The services of one API process."""

    settings: Settings
    limits: ApiLimits
    users: Users
    sessions: Sessions
    agents: Agents
    executions: ExecutionService
    knowledge: Knowledge
    health: HealthChecks
    relay: Relay
    previews: Previews
    new_executions: NewExecutions
    execution_changes: ExecutionChanges


def services_of(connection: HTTPConnection) -> Services:
    """The services of the app that serves `connection`."""
    return cast("Services", connection.app.state.services)


def quotas_of(connection: HTTPConnection) -> Quotas:
    """The per-user limits of the app that serves `connection`."""
    return cast("Quotas", connection.app.state.quotas)


ServicesDep = Annotated[Services, Depends(services_of)]


def _service(name: str) -> Any:
    """A dependency on one of the services."""

    def get(services: ServicesDep) -> Any:
        return getattr(services, name)

    return Depends(get)


SettingsDep = Annotated[Settings, _service("settings")]
UsersDep = Annotated[Users, _service("users")]
SessionsDep = Annotated[Sessions, _service("sessions")]
AgentsDep = Annotated[Agents, _service("agents")]
ExecutionsDep = Annotated[ExecutionService, _service("executions")]
KnowledgeDep = Annotated[Knowledge, _service("knowledge")]
HealthDep = Annotated[HealthChecks, _service("health")]
