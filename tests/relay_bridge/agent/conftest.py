"""A whole site for each test: relay, agent and a web app, on loopback and in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.agent import SiteAgent
from relay_bridge.agent.config import load_config
from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Rule
from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.connection_string import parse_connection_string
from relay_bridge.transport import InnerTls, RelaySender, SecureSession
from tests.relay_bridge.agent.support import SiteFolder, WebApp
from tests.support.certificates import Identity

NAMESPACE = EmulatorConfig(
    hybrid_connections=(
        HybridConnection(
            "north",
            rules=(
                Rule("agent", frozenset({"Listen"}), "bGlzdGVuLWtleQ=="),
                Rule("web", frozenset({"Send"}), "c2VuZC1rZXk="),
            ),
        ),
    )
)


@pytest.fixture
def site(tmp_path: Path) -> SiteFolder:
    return SiteFolder(tmp_path)


class RunningSite:
    """An agent at a relay, and as many web apps as a test opens."""

    def __init__(self, folder: SiteFolder, agent: SiteAgent, port: int, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.agent = agent
        self.port = port
        self._stack = stack

    @property
    def driver(self) -> Any:
        return self.agent.drivers["main"]

    async def stream(self) -> Any:
        text = (
            f"Endpoint=sb://127.0.0.1:{self.port}/;EntityPath=north;SharedAccessKeyName=web;"
            "SharedAccessKey=c2VuZC1rZXk=;UseDevelopmentEmulator=true"
        )
        return await RelaySender(parse_connection_string(text)).connect(timeout=5.0)

    async def seal(self, identity: Identity | None = None) -> SecureSession:
        own = identity or self.folder.web_app
        cert, key = own.write(self.folder.folder / f"own-{own.name}")
        tls = InnerTls("client", cert, key, self.folder.agent.cert_pem)
        channel = await SecureSession.connect(await self.stream(), tls, deadline=5.0)
        self._stack.push_async_callback(channel.close)
        return channel

    async def web_app(self, *, hello: bool = True) -> WebApp:
        """A web app with a sealed session, past its hello."""
        web_app = WebApp(await self.seal())
        if hello:
            await web_app.hello()
        return web_app

    async def signed_in(self, **claims: Any) -> tuple[WebApp, int]:
        """A web app that has presented a token, and its handle."""
        web_app = await self.web_app()
        return web_app, (await web_app.auth(self.folder.token(**claims))).a


Serve = Callable[..., AbstractAsyncContextManager[RunningSite]]


@pytest.fixture
def serve(site: SiteFolder) -> Serve:
    """``async with serve() as running``: keyword arguments go to ``SiteAgent``."""

    @asynccontextmanager
    async def serving(**settings: Any) -> AsyncIterator[RunningSite]:
        async with RelayEmulator(NAMESPACE, host="127.0.0.1", port=0) as relay, AsyncExitStack() as stack:
            site.relay_port(relay.port)
            agent = SiteAgent(load_config(site.toml), **settings)
            task = asyncio.create_task(agent.run())
            try:
                async with asyncio.timeout(10):
                    await agent.uplink.wait_online()
                async with asyncio.timeout(30):
                    yield RunningSite(site, agent, relay.port, stack)
                    await stack.aclose()
            finally:
                agent.stop()
                await task

    return serving
