"""The way out: waits at the relay, seals every stream that comes, and serves the session inside it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from relay_bridge.agent.errors import ConfigError
from relay_bridge.agent.session import Session
from relay_bridge.agent.site import Site
from relay_bridge.agent.trust import Trust
from relay_bridge.protocol.connection_string import ConnectionString
from relay_bridge.protocol.errors import ConnectionStringError
from relay_bridge.secure_channel.errors import PinError
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.transport import HandshakeFailed, ListenerState, RelayListener, RelayStream, SecureSession
from relay_bridge.transport.key_file import KeyFileCredential

HANDSHAKE_DEADLINE = 5.0  # seconds: who has not proved itself by then is nobody (docs/threats.md, T01)
DRAIN_DEADLINE = 1.5  # seconds that sessions get to say goodbye when the agent stops
REFUSAL_LOG_INTERVAL = 10.0  # seconds: a flood of strangers must not fill the disk with log lines
KEY_LOOK = 2.0  # seconds between looks at the key's file; a look is one stat
_TRY_AGAIN_LATER = 1013  # WebSocket close code (IANA registry)
logger = logging.getLogger(__name__)


class Uplink:
    """Serves sessions at one hybrid connection, at most ``max_sessions`` of them.

    ``key_file``: the file that ``connection`` was read from. A new key in it is taken up while the agent runs.
    """

    def __init__(
        self, connection: ConnectionString, trust: Trust, site: Site, *, max_sessions: int, key_file: Path | None = None
    ) -> None:
        self._trust = trust
        self._site = site
        self._max_sessions = max_sessions
        self._sessions: dict[Session, asyncio.Task[None] | None] = {}
        self._draining = False
        self._refused = 0
        self._refusal_logged: float | None = None
        self._key = _key_in(key_file, connection) if key_file is not None else None
        self._listener = RelayListener(connection, self._serve, max_streams=max_sessions, credential=self._key)

    @property
    def state(self) -> ListenerState:
        return self._listener.state

    @property
    def sessions(self) -> int:
        """How many sealed sessions are being served."""
        return len(self._sessions)

    async def run(self) -> None:
        """Listen until cancelled; the listener reconnects by itself for ever."""
        following = asyncio.create_task(self._follow_key(), name="relay-key-file")
        try:
            await self._listener.run()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def wait_online(self) -> None:
        """Return when the relay knows this agent."""
        await self._listener.wait_online()

    async def drain(self) -> None:
        """Say bye to every session and wait for them, at most ``DRAIN_DEADLINE``."""
        self._draining = True
        for session in list(self._sessions):
            session.stop("shutdown")
        waiting = [task for task in self._sessions.values() if task is not None]
        if waiting:
            await asyncio.wait(waiting, timeout=DRAIN_DEADLINE)

    async def _follow_key(self) -> None:
        """A new key in the file is shown to the relay at once, so that the old one can be made useless soon."""
        while self._key is not None:
            await asyncio.sleep(KEY_LOOK)
            if self._key.reload():
                self._listener.renew_token()

    async def _serve(self, stream: RelayStream) -> None:
        """One stream from the relay: nobody yet, until the handshake has proved otherwise."""
        if self._draining or len(self._sessions) >= self._max_sessions:
            self._log_refusal("the site serves as many sessions as it may")
            await stream.close(_TRY_AGAIN_LATER, "busy")
            return
        try:
            tls = InnerTls("server", self._trust.agent_cert, self._trust.agent_key, self._trust.web_app.pem)
            channel = await SecureSession.accept(stream, tls, HANDSHAKE_DEADLINE)
        except PinError as error:
            logger.error("This agent's own certificate cannot be used any more: %s", error)  # noqa: TRY400
            await stream.close(_TRY_AGAIN_LATER, "busy")
            return
        except HandshakeFailed as error:
            self._log_refusal(str(error))
            return
        session = Session(channel, self._site)
        self._sessions[session] = asyncio.current_task()
        logger.info("session %s: opened by the web app (stream %s)", session.name, stream.remote_id)
        facts = {"thumbprint": channel.peer_thumbprint}
        journal = self._site.journal
        journal.record("agent:session:opened", result="done", session=session.name, facts=facts)
        why = "the agent was stopped"
        try:
            why = await session.run()
        finally:
            del self._sessions[session]
            journal.record("agent:session:ended", result="done", reason=why, session=session.name)
        logger.info("session %s: over, %s", session.name, why)

    def _log_refusal(self, why: str) -> None:
        self._refused += 1
        now = self._site.clock.monotonic()
        if self._refusal_logged is not None and now - self._refusal_logged < REFUSAL_LOG_INTERVAL:
            return
        self._refusal_logged = now
        logger.warning("a stream was refused: %s (%d refused since the start)", why, self._refused)
        facts = {"count": str(self._refused)}
        self._site.journal.record("agent:session:refused", result="refused", reason=why, facts=facts)


def _key_in(path: Path, connection: ConnectionString) -> KeyFileCredential:
    try:
        return KeyFileCredential.of(path, connection)
    except ConnectionStringError as error:  # it was readable a moment ago
        raise ConfigError(f"[relay] connection_string: {error}") from None
