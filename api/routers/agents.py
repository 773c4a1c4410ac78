"""Agents."""

from fastapi import status

from api.authentication import CurrentUser
from api.dependencies import AgentsDep, KnowledgeDep
from api.route_classes import user_router
from api.routers.parameters import AgentId, Cursor, Limit
from api.routers.responses import BODY, CONFLICT, NOT_FOUND
from dynavera.contracts.agents import Agent, AgentCreate, AgentPatch
from dynavera.contracts.pages import Page

router = user_router("/api/agents", "agents")


@router.get("")
async def list_agents(user: CurrentUser, agents: AgentsDep, limit: Limit = 50, cursor: Cursor = None) -> Page[Agent]:
    """Your agents, newest first."""
    return await agents.page(user.id, limit, cursor)


@router.post("", status_code=status.HTTP_201_CREATED, responses=BODY)
async def create_agent(agent: AgentCreate, user: CurrentUser, agents: AgentsDep, knowledge: KnowledgeDep) -> Agent:
    """Create an agent."""
    if agent.generator is not None:
        await knowledge.check_generator(user, agent.generator)
    return await agents.create(user.id, agent)


@router.get("/{agent_id}", responses=NOT_FOUND)
async def get_agent(agent_id: AgentId, user: CurrentUser, agents: AgentsDep) -> Agent:
    """One agent."""
    return await agents.get(user.id, agent_id)


@router.patch("/{agent_id}", responses=NOT_FOUND | BODY)
async def change_agent(
    agent_id: AgentId, patch: AgentPatch, user: CurrentUser, agents: AgentsDep, knowledge: KnowledgeDep
) -> Agent:
    """Change the given fields; executions that were started keep the agent's former settings."""
    if patch.generator not in (None, (await agents.get(user.id, agent_id)).generator):
        await knowledge.check_generator(user, patch.generator)
    return await agents.patch(user.id, agent_id, patch)


@router.delete("/{agent_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND | CONFLICT)
async def delete_agent(agent_id: AgentId, user: CurrentUser, agents: AgentsDep) -> None:
    """Delete an agent with its executions and their events; refused while one is queued or running."""
    await agents.delete(user.id, agent_id)
