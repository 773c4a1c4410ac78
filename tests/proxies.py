"""Real TLS proxies with the configurations in docs/operations.md."""

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
START_TIMEOUT = 30
HOST = "dynavera.example.org"

NGINX_TEMPLATE = """
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
CADDY_TEMPLATE = """
{{
	admin off
	auto_https disable_redirects
	storage file_system {folder}
}}
{documented}
"""


@dataclass(frozen=True)
class Proxy:
    """A running proxy; `plain_port` is its port for plain HTTP."""

    port: int
    plain_port: int
    ssl_context: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


@dataclass(frozen=True)
class ProxyKind:
    """A program, and how to adapt the documented configuration to a test."""

    program: str
    adapt: Callable[[str, Path, dict[str, str]], str]
    arguments: Callable[[Path], list[str]]


def _nginx(documented: str, folder: Path, addresses: dict[str, str]) -> str:
    adapted = _replace_all(
        documented,
        {
            "listen 80;": f"listen 127.0.0.1:{addresses['plain']};",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{addresses['tls']} ssl http2;",
            f"/etc/letsencrypt/live/{HOST}/fullchain.pem": addresses["certificate"],
            f"/etc/letsencrypt/live/{HOST}/privkey.pem": addresses["key"],
            HOST: "localhost",
            "http://127.0.0.1:8000": addresses["api"],
            "http://127.0.0.1:8001": addresses["mcp"],
        },
    )
    # Its workers would run as nobody, who cannot write into the test's folder.
    user = "user root;" if Path(folder).owner() == "root" else ""
    return NGINX_TEMPLATE.format(folder=folder, documented=adapted, user=user)


def _caddy(documented: str, folder: Path, addresses: dict[str, str]) -> str:
    site = f"https://localhost:{addresses['tls']} {{\n\tbind 127.0.0.1\n"
    adapted = _replace_all(
        documented,
        {
            f"{HOST} {{\n": f"{site}\ttls {addresses['certificate']} {addresses['key']}\n",
            "127.0.0.1:8000": addresses["api"],
            "127.0.0.1:8001": addresses["mcp"],
        },
    )
    return CADDY_TEMPLATE.format(folder=folder, documented=adapted)


KINDS = {
    "nginx": ProxyKind("nginx", _nginx, lambda file: ["-c", str(file)]),
    "caddyfile": ProxyKind("caddy", _caddy, lambda file: ["run", "--adapter", "caddyfile", "--config", str(file)]),
}


@asynccontextmanager
async def proxying(kind: str, folder: Path, port: int, api: str, mcp: str) -> AsyncGenerator[Proxy]:
    """Run a proxy of this `kind` on `port` in front of both services; skip the test if it is not installed."""
    # Debian installs nginx in a folder that is only on root's PATH.
    program = shutil.which(KINDS[kind].program, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if program is None:
        assert "CI" not in os.environ, f"{KINDS[kind].program} is missing, but `.ci/run` installs it"
        pytest.skip(f"{KINDS[kind].program} is not installed: `.ci/run` installs it, and so does the system's package.")
    plain_port = free_port()
    addresses = {"tls": str(port), "plain": str(plain_port), "api": api, "mcp": mcp}
    file, ssl_context = _prepare(kind, folder, addresses)
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(program, *KINDS[kind].arguments(file), cwd=folder, env=environment)
    try:
        await _wait_until_listening(port, process)
        yield Proxy(port, plain_port, ssl_context)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _prepare(kind: str, folder: Path, addresses: dict[str, str]) -> tuple[Path, ssl.SSLContext]:
    """The configuration file, and an SSL context that trusts its certificate."""
    folder.mkdir()
    authority = trustme.CA()
    pem = folder / "certificate.pem"
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(pem))
    file = folder / "proxy.conf"
    file.write_text(
        KINDS[kind].adapt(_documented_block(kind), folder, {**addresses, "certificate": str(pem), "key": str(pem)})
    )
    ssl_context = ssl.create_default_context(cadata=authority.cert_pem.bytes().decode())
    return file, ssl_context


def _documented_block(kind: str) -> str:
    (block,) = re.findall(rf"^```{kind}\n(.*?)^```$", DOCUMENTATION.read_text(), re.MULTILINE | re.DOTALL)
    return block


def _replace_all(text: str, replacements: dict[str, str]) -> str:
    for old, new in replacements.items():
        assert old in text, f"docs/operations.md does not contain {old!r}"
        text = text.replace(old, new)
    return text


async def _wait_until_listening(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(START_TIMEOUT):
        while True:
            assert process.returncode is None, "The proxy has ended: see its output above."
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
