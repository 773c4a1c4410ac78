"""uvicorn's configuration with our limits, which its protocols read."""

from typing import Any

import uvicorn
from starlette.types import ASGIApp

from dynavera.web.limits import HttpLimits


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, the limits of its connections, and the paths that are answered beyond them."""

    def __init__(self, app: ASGIApp, http_limits: HttpLimits, health_paths: frozenset[str], **options: Any) -> None:
        super().__init__(app, **options)
        self.http_limits = http_limits
        self.health_paths = health_paths
