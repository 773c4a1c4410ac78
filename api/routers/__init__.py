"""The routes; each is a signature and one call."""

from fastapi import APIRouter

from api.routers import agents, documents, executions, login, stream, system, users

ROUTERS: tuple[APIRouter, ...] = (
    agents.router,
    # Before the executions: its path `/stream` is no execution's id.
    stream.router,
    executions.router,
    documents.router,
    login.open_routes,
    login.router,
    users.router,
    system.open_routes,
    system.router,
)
"""In the order of the OpenAPI page."""
