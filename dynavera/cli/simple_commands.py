"""Commands that are one call of the API each: agents, executions, stop, login, users."""

from uuid import UUID

from dynavera.cli.client import api_client
from dynavera.cli.errors import ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import one_line, stderr_console, write_list, write_one
from dynavera.cli.run import find_agent
from dynavera.cli.tables import Column
from dynavera.contracts.agents import Agent
from dynavera.contracts.executions import Execution
from dynavera.contracts.users import LoginLink, NewUser, User
from dynavera.settings import Settings

AGENT_COLUMNS = (
    Column("ID", "id"),
    Column("Name", "name", can_truncate=True),
    Column("Status", "status"),
    Column("Collection", "collection"),
    Column("Description", "description", can_truncate=True),
)
EXECUTION_COLUMNS = (
    Column("ID", "id"),
    Column("Status", "status"),
    Column("Created", "created_at"),
    Column("Question", "input_data.query", can_truncate=True),
)
USER_COLUMNS = (
    Column("ID", "id"),
    Column("Name", "name", can_truncate=True),
    Column("Owner", "owner"),
    Column("Active", "active"),
)
NO_AGENTS = "There is no agent yet. Create one on the page: `dynavera login` links to it."
NO_EXECUTIONS = 'There is no execution yet. Ask something: `dynavera run "…"`.'
NO_MATCHING_EXECUTIONS = "There is no such execution. Leave out --agent and --status to see all."
NO_USERS = "There is no user yet: `dynavera up` creates the first."


def agents(settings: Settings, output: Output) -> ExitCode:
    """List the user's agents."""
    with api_client(settings) as api:
        rows = list(api.list("/api/agents", Agent))
    write_list(rows, output, AGENT_COLUMNS, NO_AGENTS)
    return ExitCode.SUCCESS


def executions(settings: Settings, agent: str | None, status: str | None, limit: int, output: Output) -> ExitCode:
    """List the newest executions."""
    with api_client(settings) as api:
        agent_id = None if agent is None else str(find_agent(api, agent).id)
        rows = list(api.list("/api/executions", Execution, limit=limit, agent_id=agent_id, status=status))
    is_filtered = agent is not None or status is not None
    write_list(rows, output, EXECUTION_COLUMNS, NO_MATCHING_EXECUTIONS if is_filtered else NO_EXECUTIONS)
    return ExitCode.SUCCESS


def stop(settings: Settings, execution_id: UUID, output: Output) -> ExitCode:
    """Request a stop; an execution that has ended does not change."""
    with api_client(settings) as api:
        execution = api.post(f"/api/executions/{execution_id}/stop", Execution)
    write_one(execution.model_dump(mode="json"), output, f"{execution.id}  {execution.status}")
    if execution.status in ("queued", "running"):
        stderr_console().print("Stop requested.")
    return ExitCode.SUCCESS


def login(settings: Settings, output: Output) -> ExitCode:
    """Create a log-in link."""
    with api_client(settings) as api:
        link = api.post("/api/login/link", LoginLink)
    write_one(link.model_dump(mode="json"), output, link.url)
    stderr_console().print(f"It works once, until {link.expires_at.astimezone():%Y-%m-%d %H:%M %Z}.")
    return ExitCode.SUCCESS


def list_users(settings: Settings, output: Output) -> ExitCode:
    """List all users."""
    with api_client(settings) as api:
        rows = list(api.list("/api/users", User))
    write_list(rows, output, USER_COLUMNS, NO_USERS)
    return ExitCode.SUCCESS


def add_user(settings: Settings, name: str, output: Output) -> ExitCode:
    """Create a user and show the new API key."""
    with api_client(settings) as api:
        user = api.post("/api/users", NewUser, json={"name": name})
    shown = {"id": str(user.id), "name": user.name, "api_key": user.api_key}
    write_one(shown, output, f"{user.id}  {one_line(user.name)}  {user.api_key}")
    stderr_console().print("The API key is shown only once: store it now.")
    return ExitCode.SUCCESS
