"""The short commands: agents, executions, stop, login, users."""

from uuid import UUID

from dynavera.cli.client import api
from dynavera.cli.failures import ExitCode
from dynavera.cli.options import Output
from dynavera.cli.output import notes, one_line, write_list, write_one
from dynavera.cli.run import the_agent
from dynavera.cli.tables import Column
from dynavera.contracts.agents import Agent
from dynavera.contracts.executions import Execution
from dynavera.contracts.users import LoginLink, NewUser, User
from dynavera.settings import Settings

AGENT_COLUMNS = (
    Column("ID", "id"),
    Column("Name", "name", may_be_cut=True),
    Column("Status", "status"),
    Column("Collection", "collection"),
    Column("Description", "description", may_be_cut=True),
)
EXECUTION_COLUMNS = (
    Column("ID", "id"),
    Column("Status", "status"),
    Column("Created", "created_at"),
    Column("Question", "input_data.query", may_be_cut=True),
)
USER_COLUMNS = (
    Column("ID", "id"),
    Column("Name", "name", may_be_cut=True),
    Column("Owner", "owner"),
    Column("Active", "active"),
)
NO_AGENT = "There is no agent yet. Make one on the page: `dynavera login` links to it."
NOTHING_ASKED = 'Nothing has been asked yet. Ask something: `dynavera run "…"`.'
NONE_CHOSEN = "There is no such execution. Leave out --agent and --status to see all."


def agents(settings: Settings, output: Output) -> ExitCode:
    """All agents of the user."""
    with api(settings) as dynavera:
        found = list(dynavera.list("/api/agents", Agent))
    write_list(
        found, output, AGENT_COLUMNS, "There is no agent yet. Make one on the page: `dynavera login` links to it."
    )
    return ExitCode.DONE


def executions(settings: Settings, agent: str | None, status: str | None, limit: int, output: Output) -> ExitCode:
    """The newest executions."""
    with api(settings) as dynavera:
        agent_id = None if agent is None else str(the_agent(dynavera, agent).id)
        found = list(dynavera.list("/api/executions", Execution, limit=limit, agent_id=agent_id, status=status))
    is_chosen = agent is not None or status is not None
    write_list(found, output, EXECUTION_COLUMNS, NONE_CHOSEN if is_chosen else NOTHING_ASKED)
    return ExitCode.DONE


def stop(settings: Settings, execution_id: UUID, output: Output) -> ExitCode:
    """Ask an execution to stop; one that has ended stays as it is."""
    with api(settings) as dynavera:
        execution = dynavera.post(f"/api/executions/{execution_id}/stop", Execution)
    text = f"{execution.id}  {execution.status}"
    write_one(execution.model_dump(mode="json"), output, text)
    if execution.status in ("queued", "running"):
        notes().print("It was asked to stop.")
    return ExitCode.DONE


def login(settings: Settings, output: Output) -> ExitCode:
    """A fresh log-in link."""
    with api(settings) as dynavera:
        link = dynavera.post("/api/login/link", LoginLink)
    write_one(link.model_dump(mode="json"), output, link.url)
    notes().print(f"Good for one use, until {link.expires_at.astimezone():%Y-%m-%d %H:%M %Z}.")
    return ExitCode.DONE


def list_users(settings: Settings, output: Output) -> ExitCode:
    """Every user."""
    with api(settings) as dynavera:
        found = list(dynavera.list("/api/users", User))
    write_list(found, output, USER_COLUMNS, "There is no user yet: `dynavera up` makes the first.")
    return ExitCode.DONE


def add_user(settings: Settings, name: str, output: Output) -> ExitCode:
    """A new user, with the API key that is shown this once."""
    with api(settings) as dynavera:
        user = dynavera.post("/api/users", NewUser, json={"name": name})
    shown = {"id": str(user.id), "name": user.name, "api_key": user.api_key}
    write_one(shown, output, f"{user.id}  {one_line(user.name)}  {user.api_key}")
    notes().print("The API key is shown this once. Keep it.")
    return ExitCode.DONE
