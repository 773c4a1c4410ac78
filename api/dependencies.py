"""What the routes need, and the seams to the parts that the API does not see into."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol, cast
from uuid import UUID

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.knowledge import Knowledge
from api.streams import Streams
from dynavera.contracts.agents import AgentSettings
from dynavera.contracts.documents import Source
from dynavera.contracts.events import EventPage
from dynavera.contracts.executions import Execution, ExecutionCounts, ExecutionStart
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Health
from dynavera.contracts.users import User
from dynavera.records.agents import Agents
from dynavera.records.executions import ExecutionQuery, Stop
from dynavera.records.sessions import Sessions
from dynavera.records.users import Users
from dynavera.settings import Settings
from dynavera.web.quotas import Quotas


class ExecutionsDoor(Protocol):
    """The one door to the executions; what is another user's is not found."""

    async def counts(self, user: User, query: ExecutionQuery) -> ExecutionCounts:
        """Their number by status."""
        ...

    async def start(self, user: User, agent_id: UUID, start: ExecutionStart, idempotency_key: str | None) -> Execution:
        """Accept a start."""
        ...

    async def stop(self, user: User, execution_id: UUID) -> Stop:
        """Ask for a stop."""
        ...

    async def retry(self, user: User, execution_id: UUID) -> Execution:
        """Start again with the same input."""
        ...

    async def get(self, user: User, execution_id: UUID) -> Execution:
        """The execution as it is now."""
        ...

    async def settings(self, user: User, execution_id: UUID) -> AgentSettings:
        """The agent's settings as the execution took them."""
        ...

    async def page(self, user: User, query: ExecutionQuery) -> Page[Execution]:
        """The executions that fit, newest first."""
        ...

    async def events(self, user: User, execution_id: UUID, after: int, limit: int) -> EventPage:
        """Part of the log."""
        ...

    async def pinned_source(self, user: User, execution_id: UUID, n: int) -> Source:
        """The source as it was cited."""
        ...

    async def newest_live(self, user: User, agent_id: UUID) -> Execution | None:
        """The agent's newest execution that is queued or running."""
        ...

    async def of_agent(self, user: User, agent_id: UUID, execution_id: UUID) -> None:
        """Make sure that the user's agent has this execution."""
        ...

    async def check_cursor(self, user: User, execution_id: UUID, after: int) -> None:
        """Make sure that a reader may go on after `after`."""
        ...

    async def last_of_each(self, execution_ids: Sequence[UUID]) -> dict[UUID, int]:
        """The sequence of each log's newest event that can be read now."""
        ...

    async def count_live(self) -> dict[str, int]:
        """How many executions of all users are in each status that is not final."""
        ...


class HealthDoor(Protocol):
    """How the parts are."""

    async def check(self) -> Health:
        """Ask every part now."""
        ...

    async def temporal_version(self) -> str | None:
        """What runs there, or None while it cannot be asked."""
        ...


@dataclass(frozen=True)
class Services:
    """The collaborators of one API process."""

    settings: Settings
    users: Users
    sessions: Sessions
    agents: Agents
    executions: ExecutionsDoor
    knowledge: Knowledge
    health: HealthDoor
    streams: Streams


def services_of(connection: HTTPConnection) -> Services:
    """The collaborators of the app that serves `connection`."""
    return cast("Services", connection.app.state.services)


def quotas_of(connection: HTTPConnection) -> Quotas:
    """How much each user may have open in the process that serves `connection`."""
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


def _executions(services: ServicesDep) -> ExecutionsDoor:
    return services.executions


def _knowledge(services: ServicesDep) -> Knowledge:
    return services.knowledge


def _health(services: ServicesDep) -> HealthDoor:
    return services.health


SettingsDep = Annotated[Settings, Depends(_settings)]
UsersDep = Annotated[Users, Depends(_users)]
SessionsDep = Annotated[Sessions, Depends(_sessions)]
AgentsDep = Annotated[Agents, Depends(_agents)]
ExecutionsDep = Annotated[ExecutionsDoor, Depends(_executions)]
KnowledgeDep = Annotated[Knowledge, Depends(_knowledge)]
HealthDep = Annotated[HealthDoor, Depends(_health)]
