"""The routes; each is a signature and one call."""

from fastapi import APIRouter

from api.routers import agents, documents, executions, login, stream, system, users

ROUTERS: tuple[APIRouter, ...] = (
    agents.router,
    # Before the executions: its path `/stream` must not match an execution's id.
    stream.router,
    executions.router,
    documents.router,
    login.public_routes,
    login.router,
    users.router,
    system.public_routes,
    system.router,
)
"""In the order of the OpenAPI document."""
