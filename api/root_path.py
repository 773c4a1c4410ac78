"""The path under which a proxy serves the API and the page."""

from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True)
class RootPath:
    """Sets `root_path` in a request's scope, for links, and strips it from the path if the proxy did not."""

    app: ASGIApp
    root_path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        path: str = scope["path"]
        if path == self.root_path or path.startswith(f"{self.root_path}/"):
            path = path.removeprefix(self.root_path) or "/"
        await self.app({**scope, "path": path, "root_path": self.root_path}, receive, send)
