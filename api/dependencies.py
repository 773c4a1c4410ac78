"""The services that the routes use."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.execution_changes import ExecutionChanges
from api.execution_service import ExecutionService
from api.health_checks import HealthChecks
from api.knowledge import Knowledge
from api.limits import ApiLimits
from api.new_executions import NewExecutions
from api.relay import Relay
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
    new_executions: NewExecutions
    execution_changes: ExecutionChanges


def services_of(connection: HTTPConnection) -> Services:
    """The services of the app that serves `connection`."""
    return cast("Services", connection.app.state.services)


def quotas_of(connection: HTTPConnection) -> Quotas:
    """The per-user limits of the app that serves `connection`."""
    return cast("Quotas", connection.app.state.quotas)


ServicesDep = Annotated[Services, Depends(services_of)]


def _settings(services: ServicesDep) -> Settings:
    return services.settings


def _users(services: ServicesDep) -> Users:
    return services.users


def _sessions(services: ServicesDep) -> Sessions:
    return services.sessions


def _agents(services: ServicesDep) -> Agents:
    return services.agents


def _executions(services: ServicesDep) -> ExecutionService:
    return services.executions


def _knowledge(services: ServicesDep) -> Knowledge:
    return services.knowledge


def _health(services: ServicesDep) -> HealthChecks:
    return services.health


SettingsDep = Annotated[Settings, Depends(_settings)]
UsersDep = Annotated[Users, Depends(_users)]
SessionsDep = Annotated[Sessions, Depends(_sessions)]
AgentsDep = Annotated[Agents, Depends(_agents)]
ExecutionsDep = Annotated[ExecutionService, Depends(_executions)]
KnowledgeDep = Annotated[Knowledge, Depends(_knowledge)]
HealthDep = Annotated[HealthChecks, Depends(_health)]
