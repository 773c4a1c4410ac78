"""Which requests the API accepts."""

from api.limits import ApiLimits
from dynavera.settings import Settings
from dynavera.web.bodies import BodyLimits
from dynavera.web.request_guard import LOCAL_NAMES, AllowedAddresses, RequestPolicy, parsed_origin

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_FOREIGN_HOST = "This service is for this machine: ask for it as localhost, or set DYNAVERA_PUBLIC_URL."
_FOREIGN_ORIGIN = (
    "A page from another origin may not use this service. DYNAVERA_PUBLIC_URL names the service's own, behind a proxy; "
    "DYNAVERA_ALLOWED_ORIGINS names more."
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
    """The hosts and origins; any host where other machines reach the API, whose names for it only they know."""
    origins = frozenset(parsed_origin(origin) for origin in settings.page_origins)
    pages = {origin[1] for origin in origins if origin is not None}
    return AllowedAddresses(origins, LOCAL_NAMES | pages if settings.host in LOOPBACK else None)
