"""The connection to Temporal, the same for every process."""

import asyncio
import logging

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig

from dynavera.limits import WORKER_HEARTBEAT_INTERVAL
from dynavera.settings import Settings

logger = logging.getLogger(__name__)

CONNECT_AGAIN_SECONDS = 0.25


def namespace_of(settings: Settings) -> str:
    """The namespace of the executions."""
    return _configured(settings).get("namespace", "default")


async def connect(settings: Settings, *, lazy: bool, runtime: Runtime | None = None) -> Client:
    """A client of Temporal; a lazy one connects when it is first used.

    The address comes from `TEMPORAL_*` or `temporal.toml`, as for every Temporal client; the default is the server that
    `dynavera up` starts.

    Raises:
        RuntimeError: Temporal does not answer, and the client is not lazy.
    """
    return await Client.connect(
        **_configured(settings), data_converter=pydantic_data_converter, lazy=lazy, runtime=runtime
    )


async def connected(settings: Settings) -> Client:
    """A worker's client, as soon as Temporal answers; it sends the worker's heartbeats."""
    runtime = Runtime(telemetry=TelemetryConfig(), worker_heartbeat_interval=WORKER_HEARTBEAT_INTERVAL)
    warned = False
    while True:
        try:
            return await connect(settings, lazy=False, runtime=runtime)
        except RuntimeError as error:
            if not warned:
                logger.warning("Temporal does not answer yet: %s", error)
                warned = True
            await asyncio.sleep(CONNECT_AGAIN_SECONDS)


def _configured(settings: Settings) -> ClientConnectConfig:
    configured = ClientConfig.load_client_connect_config()
    configured.setdefault("target_host", f"127.0.0.1:{settings.temporal_port}")
    return configured
