"""Users, managed by the owner of the instance, and API keys."""

from fastapi import APIRouter, Depends, status

from api.authentication import CurrentUser, owner
from api.dependencies import UsersDep
from api.route_classes import user_router
from api.routers.parameters import KeyId, UserId
from api.routers.responses import BODY, CONFLICT, NOT_FOUND, OWNER_ONLY
from dynavera.contracts.pages import Page
from dynavera.contracts.users import ApiKey, ApiKeyCreate, NewApiKey, NewUser, User, UserCreate, UserPatch

keys = user_router("/api/keys", "users")
users_of_owner = user_router("/api/users", "users")


@keys.get("")
async def list_keys(user: CurrentUser, users: UsersDep) -> Page[ApiKey]:
    """Your API keys, oldest first, without their secrets."""
    return Page(items=await users.keys(user.id), next_cursor=None)


@keys.post("", status_code=status.HTTP_201_CREATED, responses=BODY)
async def create_key(key: ApiKeyCreate, user: CurrentUser, users: UsersDep) -> NewApiKey:
    """Create an API key; its secret is only shown once."""
    return await users.add_key(user.id, key.name)


@keys.delete("/{key_id}", status_code=status.HTTP_204_NO_CONTENT, responses=CONFLICT | NOT_FOUND)
async def delete_key(key_id: KeyId, user: CurrentUser, users: UsersDep) -> None:
    """Revoke an API key and end its sessions; the token that Dynavera was started with cannot be revoked."""
    await users.delete_key(user.id, key_id)


@users_of_owner.get("")
async def list_users(users: UsersDep) -> Page[User]:
    """All users, oldest first."""
    return Page(items=await users.all(), next_cursor=None)


@users_of_owner.post("", status_code=status.HTTP_201_CREATED, responses=BODY | CONFLICT)
async def create_user(user: UserCreate, users: UsersDep) -> NewUser:
    """Create a user with a first API key, which is only shown once."""
    return await users.add(user.name)


@users_of_owner.patch("/{user_id}", responses=BODY | CONFLICT | NOT_FOUND)
async def change_user(user_id: UserId, patch: UserPatch, users: UsersDep) -> User:
    """Deactivate a user, or activate them again."""
    return await users.set_active(user_id, active=patch.active)


router = APIRouter()
router.include_router(keys)
router.include_router(users_of_owner, dependencies=[Depends(owner)], responses=OWNER_ONLY)
