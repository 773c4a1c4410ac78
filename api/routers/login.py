"""Logging in and out, and the sessions of browsers."""

from typing import Annotated

from fastapi import Depends, Header, Request, Response, status
from pydantic import SecretStr

from api.authentication import COOKIE, CurrentIdentity, CurrentUser, LoginRefused, is_over_tls, session_cookie
from api.dependencies import Services, ServicesDep, SessionsDep, SettingsDep
from api.route_classes import public_router, user_router
from api.routers.parameters import Cursor, Limit, SessionId
from api.routers.responses import BODY, NOT_FOUND, Responses
from dynavera.contracts.pages import Page
from dynavera.contracts.system import Problem
from dynavera.contracts.users import Login, LoginLink, Session, User
from dynavera.records.users import Identity
from dynavera.settings import Settings

REFUSED: Responses = {401: {"model": Problem, "description": "The code or the API key is not valid."}}

MAX_USER_AGENT = 300
"""Characters of the User-Agent header that are kept: browsers send half as many."""

public_routes = public_router("/api", "users")
router = user_router("/api", "users")


def _user_agent(user_agent: Annotated[str | None, Header(include_in_schema=False)] = None) -> str | None:
    return user_agent[:MAX_USER_AGENT] if user_agent else None


UserAgent = Annotated[str | None, Depends(_user_agent)]


@public_routes.post("/login", responses=BODY | REFUSED)
async def log_in(
    login: Login, services: ServicesDep, user_agent: UserAgent, request: Request, response: Response
) -> User:
    """Log a browser in with the code of a log-in link or with an API key; the response sets the session cookie."""
    identity = await _identity(login, services)
    response.set_cookie(
        COOKIE,
        await services.sessions.begin(identity, user_agent),
        max_age=int(services.sessions.lifetime.total_seconds()),
        secure=is_over_tls(request, services.settings),
        httponly=True,
        samesite="strict",
        path=_cookie_path(services.settings),
    )
    return identity.user


@router.post("/login/link", status_code=status.HTTP_201_CREATED)
async def make_login_link(
    identity: CurrentIdentity, sessions: SessionsDep, settings: SettingsDep, request: Request
) -> LoginLink:
    """Create a link that logs one browser in as you, once."""
    code, expires_at = await sessions.login_code(identity)
    page = str(request.base_url).rstrip("/") if settings.public_url is None else settings.page_url
    return LoginLink(url=f"{page}/login#code={code}", expires_at=expires_at)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(sessions: SessionsDep, settings: SettingsDep, request: Request, response: Response) -> None:
    """End the browser's session."""
    cookie = session_cookie(request)
    if cookie:
        await sessions.log_out(cookie)
    response.delete_cookie(
        COOKIE, _cookie_path(settings), secure=is_over_tls(request, settings), httponly=True, samesite="strict"
    )


@router.get("/sessions")
async def list_sessions(
    identity: CurrentIdentity, sessions: SessionsDep, limit: Limit = 50, cursor: Cursor = None
) -> Page[Session]:
    """Your sessions, newest first."""
    return await sessions.page(identity, limit, cursor)


@router.delete("/sessions", status_code=status.HTTP_204_NO_CONTENT)
async def end_other_sessions(identity: CurrentIdentity, sessions: SessionsDep) -> None:
    """End all your sessions except the one of this request; with an API key, end all of them."""
    await sessions.end_others(identity)


@router.delete("/sessions/{session_id}", status_code=status.HTTP_204_NO_CONTENT, responses=NOT_FOUND)
async def end_session(session_id: SessionId, user: CurrentUser, sessions: SessionsDep) -> None:
    """End one of your sessions; its streams close within 30 seconds."""
    await sessions.end(user.id, session_id)


@router.get("/me")
async def get_me(user: CurrentUser) -> User:
    """The user of this request."""
    return user


def _cookie_path(settings: Settings) -> str:
    """The cookie's path: it limits the cookie to this instance if one host serves several."""
    return settings.root_path or "/"


async def _identity(login: Login, services: Services) -> Identity:
    match login:
        case Login(code=SecretStr() as code):
            identity = await services.sessions.redeem(code.get_secret_value())
            message = "This log-in link was already used, or has expired. `dynavera login` prints a new one."
        case Login(api_key=SecretStr() as api_key):
            identity = await services.users.identity(api_key.get_secret_value())
            message = "This API key is not valid."
        case _:
            raise AssertionError("a log-in has a code or a key")
    if identity is None:
        raise LoginRefused(message)
    return identity
