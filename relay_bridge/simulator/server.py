"""The simulated plant as a running OPC UA server: on every whole second the model's values, with that second's time."""

from __future__ import annotations

import asyncio
import hmac
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from asyncua import Server, ua
from asyncua.common.callback import CallbackType, ServerItemCallback
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole

from relay_bridge.contract.readings import Value
from relay_bridge.simulator import address_space, alarm_server
from relay_bridge.simulator.alarm_server import PlantAlarms
from relay_bridge.simulator.certificates import APPLICATION_URI, client_check, ensure_certificate
from relay_bridge.simulator.farm import NAMESPACE, PUMP, PUMP_MAX, VARIABLES
from relay_bridge.simulator.faults import FaultError, Faults
from relay_bridge.simulator.model import PlantModel
from relay_bridge.simulator.operation_limits import limit_operations
from relay_bridge.simulator.pump_methods import add_pump_methods

LOOK = 0.25  # seconds between two ticks of the server's own clock, and two looks at the faults
CUT_DELAY = 0.05  # seconds; who orders a loss of comms over OPC UA gets the answer before losing the connection
MAX_CONNECTIONS = 100


class PlantServer:
    """The plant, listening while the ``async with`` lasts.

    ``port`` 0 takes a free one; ``clock`` gives seconds since the epoch and is the plant's only idea of the time;
    ``users`` (name: password) lets those in besides everybody without a name; ``max_per_call`` makes it a server
    with small operation limits. Raises OSError when it cannot listen.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 1,
        clock: Callable[[], float] = time.time,
        *,
        certificate_dir: Path | None = None,
        users: Mapping[str, str] | None = None,
        max_per_call: int | None = None,
    ) -> None:
        self.model = PlantModel(seed)
        self.faults = Faults()
        self._host, self._port = host, port
        self._clock = clock
        self._certificate_dir = certificate_dir
        self._users = dict(users or {})
        self._max_per_call = max_per_call
        self._namespace = 0
        self._server: Server | None = None
        self._alarms: PlantAlarms | None = None
        self._wake = asyncio.Event()
        self._ticks: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._cut = False
        self._fixed_written: dict[str, int] = {}

    @property
    def server(self) -> Server:
        """The asyncua server underneath."""
        if self._server is None:
            raise RuntimeError("the plant is not running")
        return self._server

    @property
    def alarms(self) -> PlantAlarms:
        """The plant's alarms; ``alarms.board`` says how they stand."""
        if self._alarms is None:
            raise RuntimeError("the plant is not running")
        return self._alarms

    @property
    def port(self) -> int:
        binary = self.server.bserver
        if binary is None:
            raise RuntimeError("the plant is not listening")
        return binary.port

    @property
    def url(self) -> str:
        return f"opc.tcp://{self._host}:{self.port}/"

    async def __aenter__(self) -> Self:
        server = Server(user_manager=_PlantUsers(self._users))
        alarm_server.prepare(server)
        server.disable_clock()  # the plant drives it itself, so that it can stand
        await server.init()
        await server.set_application_uri(APPLICATION_URI)
        server.set_server_name("Sightline simulated plant")
        server.allow_remote_admin(False)
        server.set_endpoint(f"opc.tcp://{self._host}:{self._port}/")
        tokens = [ua.AnonymousIdentityToken, *([ua.UserNameIdentityToken] if self._users else [])]
        server.set_identity_tokens(tokens)
        policies = [ua.SecurityPolicyType.NoSecurity]
        if self._certificate_dir is not None:
            certificate, key = ensure_certificate(self._certificate_dir)
            await server.load_certificate(certificate)
            await server.load_private_key(key)
            policies.append(ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt)
            check = client_check(self._certificate_dir)
            if check is not None:
                server.set_certificate_validator(check)
        server.set_security_policy(policies)
        server.iserver.max_connections = MAX_CONNECTIONS
        self._namespace = await server.register_namespace(NAMESPACE)
        await address_space.build(server, self._namespace)
        self._alarms = PlantAlarms(server, self._namespace, self._clock)
        await self._alarms.build()
        await self._add_fault_methods(server)
        await add_pump_methods(server, self._namespace, self.model.pump, self._clock)
        server.subscribe_server_callback(CallbackType.PreWrite, self._before_write)
        server.subscribe_server_callback(CallbackType.PostWrite, self._after_write)
        if self._max_per_call is not None:
            await limit_operations(server, self._max_per_call)
        self._server = server
        await self._write_tick(math.floor(self._clock()))
        await server.start()
        self.faults.changed = self._wake.set
        self._ticks = asyncio.create_task(self._run(), name="plant ticks")
        self._telling = asyncio.create_task(self.alarms.run(), name="plant alarms")
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in (self._ticks, self._telling):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.server.stop()

    def node(self, identifier: str) -> ua.NodeId:
        """The NodeId of a variable, as this server numbers its namespaces."""
        return ua.NodeId(identifier, self._namespace)

    # --- time ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        written: int | None = None
        while True:
            self._wake.clear()
            self._hold_connections(self.faults.no_comms)
            now = self._clock()
            if not self.faults.clock_stands:
                await self._write_clock(datetime.fromtimestamp(now, UTC))
            tick = math.floor(now)
            if tick != written:
                await self._write_tick(tick)
                written = tick
            rest = tick + 1 - self._clock()
            with suppress(TimeoutError):
                # Not wait_for: in Python 3.11 it can swallow the cancellation that ends this task.
                async with asyncio.timeout(min(max(rest, 0.001), LOOK)):
                    await self._wake.wait()

    async def _write_tick(self, tick: int) -> None:
        """Write the values of one whole second, each with that second as its source time."""
        moment = datetime.fromtimestamp(tick, UTC)
        if self.faults.values_stand:
            return
        values = self.model.values(tick, self.faults.forced_levels())
        faulty = {variable.parent for node, variable in VARIABLES.items() if self.faults.quality(node) >> 30}
        for node, value in values.items():
            variable = VARIABLES[node]
            code = self.faults.quality(node)
            if variable.fixed and self._fixed_written.get(node) == code:
                continue
            if variable.name == "GaugeStatus" and variable.parent in faulty:
                value = "fault"  # noqa: PLW2901 - a gauge with a broken sensor says so
            await self.server.write_attribute_value(self.node(node), _data_value(node, value, code, moment))
            if variable.fixed:
                self._fixed_written[node] = code
        alarms = self.alarms
        alarms.tell(alarms.board.update(values, lambda node: self.faults.quality(node) >> 31 == 1, tick))
        alarms.tell(alarms.board.flood(self.faults.flooding(), tick))

    async def _write_clock(self, moment: datetime) -> None:
        core = self.server.iserver
        status = copy(await core.server_status_node.read_value())
        status.CurrentTime = moment
        await core.server_status_node.write_value(status)
        await core.current_time_node.write_value(moment)

    # --- faults --------------------------------------------------------------------------------------------------

    def _hold_connections(self, cut: bool) -> None:
        """While ``cut``, nobody stays connected and nobody gets in."""
        if cut == self._cut:
            return
        self._cut = cut
        core = self.server.iserver
        core.max_connections = 0 if cut else MAX_CONNECTIONS
        if cut:
            asyncio.get_running_loop().call_later(CUT_DELAY, _close_all, list(core.asyncio_transports))

    async def _add_fault_methods(self, server: Server) -> None:
        objects = server.get_objects_node()
        faults = await objects.add_object(self.node("Faults"), ua.QualifiedName("Faults", self._namespace))
        text = [ua.VariantType.String]
        await faults.add_method(
            self.node("Faults.Apply"), ua.QualifiedName("Apply", self._namespace), self._apply_fault, text, []
        )
        await faults.add_method(
            self.node("Faults.Clear"), ua.QualifiedName("Clear", self._namespace), self._clear_faults, [], []
        )

    async def _apply_fault(self, _parent: ua.NodeId, order: ua.Variant) -> list[ua.Variant] | ua.StatusCode:
        try:
            self.faults.add(str(order.Value))
        except FaultError:
            return ua.StatusCode(ua.StatusCodes.BadInvalidArgument)
        return []

    async def _clear_faults(self, _parent: ua.NodeId) -> list[ua.Variant]:
        self.faults.clear()
        return []

    # --- the setpoint --------------------------------------------------------------------------------------------

    def _setpoint_writes(self, event: ServerItemCallback) -> list[tuple[int, ua.WriteValue]]:
        setpoint = self.node(f"{PUMP}.Setpoint")
        nodes = event.request_params.NodesToWrite
        return [(i, w) for i, w in enumerate(nodes) if w.NodeId == setpoint and w.AttributeId == ua.AttributeIds.Value]

    def _before_write(self, event: ServerItemCallback, _service: Any) -> None:
        for _, write in self._setpoint_writes(event):
            value = write.Value.Value.Value if write.Value.Value is not None else None
            if not (isinstance(value, float) and math.isfinite(value) and 0.0 <= value <= PUMP_MAX):
                raise ServiceError(ua.StatusCodes.BadOutOfRange)
            now = datetime.fromtimestamp(self._clock(), UTC)
            write.Value = ua.DataValue(write.Value.Value, SourceTimestamp=now, ServerTimestamp=now)

    def _after_write(self, event: ServerItemCallback, _service: Any) -> None:
        for index, write in self._setpoint_writes(event):
            if event.response_params[index].is_good():
                self.model.pump.change_setpoint(write.Value.Value.Value, self._clock())


class _PlantUsers:
    """Everybody may look and set the setpoint; a name is only taken with its password."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._users = users

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        if username is None:
            return User(role=UserRole.User)
        expected = self._users.get(username)
        if expected is None or not hmac.compare_digest(expected.encode(), (password or "").encode()):
            return None
        return User(role=UserRole.User, name=username)


def _data_value(node: str, value: Value, code: int, moment: datetime) -> ua.DataValue:
    variant = ua.Variant(value, address_space.variant_type(VARIABLES[node]))
    return ua.DataValue(variant, ua.StatusCode(code), SourceTimestamp=moment, ServerTimestamp=moment)


def _close_all(transports: list[asyncio.BaseTransport]) -> None:
    for transport in transports:
        transport.close()


def quiet_asyncua() -> None:
    """asyncua writes a line for every publish; the plant's own words are enough."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL)
