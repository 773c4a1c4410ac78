"""The requests that the API accepts."""

from api.limits import ApiLimits
from dynavera.settings import Settings
from dynavera.web.bodies import BodyLimits
from dynavera.web.request_guard import LOCAL_NAMES, AllowedAddresses, RequestPolicy, parsed_origin

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_FOREIGN_HOST = "This service only accepts requests to localhost. To use another host name, set DYNAVERA_PUBLIC_URL."
_FOREIGN_ORIGIN = (
    "Pages of this origin may not use this service. DYNAVERA_PUBLIC_URL is its own origin behind a proxy; "
    "DYNAVERA_ALLOWED_ORIGINS adds others."
)


def request_policy(settings: Settings, limits: ApiLimits) -> RequestPolicy:
    """The policy; the routes authenticate callers, because some routes are public."""
    paths = {"/api/documents": limits.upload_bytes, "/api/login": limits.login_bytes}
    return RequestPolicy(
        allowed_addresses(settings),
        BodyLimits(limits.body_bytes, paths, limits.body_timeout),
        _FOREIGN_HOST,
        _FOREIGN_ORIGIN,
        keys_from_any_origin=True,
    )


def allowed_addresses(settings: Settings) -> AllowedAddresses:
    """The allowed hosts and origins; any host if other machines can reach the API, because their names for it vary."""
    origins = frozenset(parsed_origin(origin) for origin in settings.page_origins)
    pages = {origin[1] for origin in origins if origin is not None}
    return AllowedAddresses(origins, LOCAL_NAMES | pages if settings.host in LOOPBACK else None)
