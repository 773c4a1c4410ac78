"""The built UI, served as static files."""

from pathlib import Path, PurePosixPath

from fastapi import HTTPException
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

from dynavera.page import PAGE_DIR

ASSETS = "/assets/"
"""Files whose names contain a hash of their content."""
CACHE_FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

_RESERVED = frozenset({"api", "ws", "metrics"})


class Page:
    """An ASGI app for paths without a route: the UI's files, or `index.html` for the UI's own routes."""

    def __init__(self, folder: Path = PAGE_DIR, root_path: str = "") -> None:
        self._index = folder / "index.html"
        self._root_path = root_path
        self._files = StaticFiles(directory=folder, check_dir=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a file, the UI, or an error."""
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
            return
        response = await self._response(scope)
        await response(scope, receive, send)

    async def _response(self, scope: Scope) -> Response:
        path: str = scope["path"]
        # `OPTIONS *` has no path.
        if not path.startswith("/") or path.split("/")[1] in _RESERVED or "\0" in path:
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        if not self._index.is_file():
            raise HTTPException(404, "The UI is not built: run `make ui`.")
        if path.startswith(ASSETS) or (PurePosixPath(path).suffix and path != "/index.html"):
            response = await self._files.get_response(self._files.get_path(scope), scope)
        else:
            response = self._page()
        response.headers["Cache-Control"] = CACHE_FOREVER if path.startswith(ASSETS) else REVALIDATE
        return response

    def _page(self) -> Response:
        """`index.html` with its relative links made absolute, because it is served for paths of any depth."""
        return HTMLResponse(self._index.read_text(encoding="utf-8").replace('="./', f'="{self._root_path}/'))
