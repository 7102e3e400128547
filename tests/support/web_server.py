"""The web app behind a real HTTP server (uvicorn) on a free port, in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

STOP_DEADLINE = 10.0  # seconds


@asynccontextmanager
async def serving(settings: Any) -> AsyncIterator[str]:
    """Start and answer the origin; ``settings`` (pytest-django's) are told that this is the public address."""
    from hmi.asgi import application  # noqa: PLC0415 - reads the settings

    config = uvicorn.Config(application, host="127.0.0.1", port=0, log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(STOP_DEADLINE):
            while not server.started:
                await asyncio.sleep(0.01)
        origin = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        settings.PUBLIC_URL = origin
        settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "OIDC_ISS_ENDPOINT": origin}
        yield origin
    finally:
        server.should_exit = True
        async with asyncio.timeout(STOP_DEADLINE):
            await task
