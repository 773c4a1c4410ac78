"""uvicorn's configuration with our limits, which its protocols read."""

from typing import Any

import uvicorn
from starlette.types import ASGIApp

from dynavera.web.limits import HttpLimits


class ServerConfig(uvicorn.Config):
    """uvicorn's configuration, and the limits of its connections."""

    def __init__(self, app: ASGIApp, http_limits: HttpLimits, **options: Any) -> None:
        super().__init__(app, **options)
        self.http_limits = http_limits
