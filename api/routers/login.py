"""Sessions of browsers."""

from fastapi import Request, Response, status
from pydantic import SecretStr

from api.authentication import COOKIE, CurrentUser, LoginRefused
from api.dependencies import UsersDep
from api.requests import open_router, user_router
from api.routers.responses import BODY, Responses
from dynavera.contracts.system import Problem
from dynavera.contracts.users import Login, LoginLink, User
from dynavera.records.users import SESSION_LIFE, Users

REFUSED: Responses = {401: {"model": Problem, "description": "The code or the key logs nobody in."}}

open_routes = open_router("/api", "users")
router = user_router("/api", "users")


@open_routes.post("/login", responses=BODY | REFUSED)
async def log_in(login: Login, users: UsersDep, request: Request, response: Response) -> User:
    """Log a browser in, by a log-in link's code or by an API key; the answer sets the session cookie."""
    user = await _user(login, users)
    response.set_cookie(
        COOKIE,
        await users.log_in(user.id),
        max_age=int(SESSION_LIFE.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return user


@router.post("/login/link", status_code=status.HTTP_201_CREATED)
async def make_login_link(user: CurrentUser, users: UsersDep, request: Request) -> LoginLink:
    """A link that logs one browser in as you, once."""
    code, expires_at = await users.login_code(user.id)
    return LoginLink(url=f"{request.base_url}login#code={code}", expires_at=expires_at)


@router.post("/logout", status_code=status.HTTP_204_NO_CONTENT)
async def log_out(users: UsersDep, request: Request, response: Response) -> None:
    """End the browser's session."""
    session_id = request.cookies.get(COOKIE)
    if session_id:
        await users.log_out(session_id)
    response.delete_cookie(COOKIE, secure=request.url.scheme == "https", httponly=True, samesite="strict")


@router.get("/me")
async def get_me(user: CurrentUser) -> User:
    """Who you are."""
    return user


async def _user(login: Login, users: Users) -> User:
    match login:
        case Login(code=SecretStr() as code):
            user = await users.redeem(code.get_secret_value())
            why = "This log-in link was used already, or is too old. `dynavera login` prints a fresh one."
        case Login(api_key=SecretStr() as api_key):
            user = await users.by_api_key(api_key.get_secret_value())
            why = "This API key is not known here."
        case _:
            raise AssertionError("a log-in has a code or a key")
    if user is None:
        raise LoginRefused(why)
    return user
