"""Real TLS proxies, configured as docs/operations.md says."""

import asyncio
import os
import re
import shutil
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.serving import free_port

DOCUMENTATION = Path(__file__).parents[1] / "docs" / "operations.md"
STARTS_WITHIN = 30
HOST = "dynavera.example.org"

NGINX_AROUND = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{documented}
}}
"""
CADDY_AROUND = """
{{
	admin off
	auto_https disable_redirects
	storage file_system {folder}
}}
{documented}
"""


@dataclass(frozen=True)
class Proxy:
    """A proxy that runs; `plain_port` is where it speaks plain HTTP, if it does."""

    port: int
    plain_port: int
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@dataclass(frozen=True)
class Kind:
    """A program, its block in the documentation, and what turns that into a configuration for a test."""

    program: str
    configured: Callable[[str, Path, dict[str, str]], str]
    arguments: Callable[[Path], list[str]]


def _nginx(documented: str, folder: Path, places: dict[str, str]) -> str:
    ours = _replaced(
        documented,
        {
            "listen 80;": f"listen 127.0.0.1:{places['plain']};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{places['tls']} ssl http2;",
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": places["certificate"],
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": places["key"],
            HOST: "localhost",
            "http://127.0.0.1:8000": places["api"],
            "http://127.0.0.1:8001": places["mcp"],
        },
    )
    # Its workers would be nobody, who cannot write into the folder of a test.
    user = "user root;" if Path(folder).owner() == "root" else ""
    return NGINX_AROUND.format(folder=folder, documented=ours, user=user)


def _caddy(documented: str, folder: Path, places: dict[str, str]) -> str:
    site = f"https://localhost:{places['tls']} {{\n\tbind 127.0.0.1\n"
    ours = _replaced(
        documented,
        {
            f"{HOST} {{\n": f"{site}\ttls {places['certificate']} {places['key']}\n",
            "127.0.0.1:8000": places["api"],
            "127.0.0.1:8001": places["mcp"],
        },
    )
    return CADDY_AROUND.format(folder=folder, documented=ours)


KINDS = {
    "nginx": Kind("nginx", _nginx, lambda file: ["-c", str(file)]),
    "caddyfile": Kind("caddy", _caddy, lambda file: ["run", "--adapter", "caddyfile", "--config", str(file)]),
}


@asynccontextmanager
async def proxying(kind: str, folder: Path, port: int, api: str, mcp: str) -> AsyncGenerator[Proxy]:
    """The proxy of this `kind` on `port`, before an API and an MCP service; without it, the test is skipped."""
    # Debian keeps nginx where only root looks.
    program = shutil.which(KINDS[kind].program, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if program is None:
        assert "CI" not in os.environ, f"{KINDS[kind].program} is missing, and `.ci/run` brings it"
        pytest.skip(f"{KINDS[kind].program} is not installed: `.ci/run` installs it, and so does the system's package.")
    plain_port = free_port()
    places = {"tls": str(port), "plain": str(plain_port), "api": api, "mcp": mcp}
    file, trust = _prepared(kind, folder, places)
    at_home = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(program, *KINDS[kind].arguments(file), cwd=folder, env=at_home)
    try:
        await _accepts(port, process)
        yield Proxy(port, plain_port, trust)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _prepared(kind: str, folder: Path, places: dict[str, str]) -> tuple[Path, ssl.SSLContext]:
    """The configuration, and what trusts the certificate in it."""
    folder.mkdir()
    authority = trustme.CA()
    pem = folder / "certificate.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    file = folder / "proxy.conf"
    file.write_text(
        KINDS[kind].configured(_documented(kind), folder, {**places, "certificate": str(pem), "key": str(pem)})
    )
    trust = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    return file, trust


def _documented(kind: str) -> str:
    (block,) = re.findall(rf"^```{kind}\n(.*?)^```$", DOCUMENTATION.read_text(), re.MULTILINE | re.DOTALL)
    return block


def _replaced(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, f"docs/operations.md does not say {old!r}"
        text = text.replace(old, new)
    return text


async def _accepts(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(STARTS_WITHIN):
        while True:
            assert process.returncode is None, "The proxy has ended: its words are above."
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
