"""Acknowledging an alarm by the request that the configuration declares. Loaded only where ``allow_ack`` is true."""

from __future__ import annotations

from relay_bridge.agent.config_rest import RestAck
from relay_bridge.agent.drivers.abilities import AckRefused, AlarmEvent
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.outcomes import act_once
from relay_bridge.agent.drivers.rest.problems import SettingsError
from relay_bridge.agent.drivers.rest.templates import check_body, check_template, fill_body, fill_path

_NAMES = ("id", "event", "comment")


class DeclaredAck:
    """One request for one alarm."""

    def __init__(self, settings: RestAck) -> None:
        check_template(settings.path, "alarms.ack.path", may=("id", "event"))
        check_body(settings.body, "alarms.ack.body", may=_NAMES)
        self._settings = settings

    async def acknowledge(self, talk: Conversation, alarm: AlarmEvent, comment: str, deadline: float) -> None:
        """Once. ``AckRefused`` with what the source said, ``OutcomeUnknown`` when no answer came."""
        values = {"id": alarm.ref.condition, "event": alarm.event.decode(), "comment": comment}
        try:
            path = fill_path(self._settings.path, values)
        except SettingsError as error:
            raise AckRefused("denied", f"The alarm cannot be named to the source: {error}.") from None
        body = fill_body(self._settings.body, values) if self._settings.body is not None else b""
        answer = await act_once(talk, self._settings.method, path, body, deadline)
        if answer.status in {404, 410}:
            raise AckRefused("gone", "The source does not know the alarm any more.")
        if answer.status in {409, 422}:
            raise AckRefused("stale", "The source says that the alarm has changed.")
        if answer.status >= 400:
            raise AckRefused("denied", f"The source refused the acknowledgement ({answer.status}).")
