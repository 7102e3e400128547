"""A DeltaV Edge node as a REST source (vendor's developer guide, REST API; checked against release 2.0 on paper).

Login by form, then a bearer token. Values come from the graph, one entity a request. The node signs its own
certificate, so it is pinned. There is no request that changes anything, so nothing here can.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from relay_bridge.agent.config_rest import (
    DeltaVEdgeSource,
    RestAggregate,
    RestGroup,
    RestHistory,
    RestSource,
    TokenLogin,
)
from relay_bridge.agent.drivers.deltav_edge.journal import JournalReader
from relay_bridge.agent.drivers.rest import AlarmPolling, RestDriver, RestTag, SettingsError

GROUP = "graph"
# Behind the last slash: PARAMETER.FIELD. Everything before it may hold any character, slashes are its own.
_NODE = re.compile(r"(?P<path>[^/]+(?:/[^/]+)+)\.(?P<field>[A-Za-z0-9_]+)")
_HISTORY = "/edge/api/v1/history?path={id}&StartTime={from}&EndTime={to}"


def deltav_edge_driver(
    section: DeltaVEdgeSource,
    tags: Iterable[RestTag],
    *,
    password: str | None,
    clock: Callable[[], float] | None = None,
) -> RestDriver:
    """The driver of one DeltaV Edge node. ``SettingsError`` for a node that is no parameter's field."""
    own = [replace(tag, node=f"{GROUP}#{_checked(tag.node, tag.id)}") for tag in tags]
    alarms = None
    if section.alarms == "journal":
        reader = JournalReader(section.id, section.alarm_hours, [tag.node.partition("#")[2] for tag in own], clock)
        alarms = AlarmPolling(section.id, reader, section.alarm_interval_s)
    named = {"clock": clock} if clock is not None else {}
    return RestDriver(as_rest(section), own, secret=password, place_values=place_values, alarms=alarms, **named)


def as_rest(section: DeltaVEdgeSource) -> RestSource:
    """The same source in the words of ``kind = "rest"``."""
    profile = "activedirectory" if section.directory else "profile"
    heartbeat = f"{GROUP}#{_checked(section.heartbeat, 'heartbeat')}" if section.heartbeat is not None else None
    return RestSource(
        id=section.id,
        url=section.url,
        allow_insecure=section.allow_insecure,
        server_cert=section.server_cert,
        ca_cert=section.ca_cert,
        requests_per_second=section.requests_per_second,
        connections=section.connections,
        first_byte_s=section.first_byte_s,
        deadline_s=section.deadline_s,
        max_answer=section.max_answer,
        heartbeat=heartbeat,
        stale_s=section.stale_s,
        login=TokenLogin(
            path=f"/edge/api/v1/Login/GetAuthToken/{profile}",
            user=section.user,
            password=section.password,
            send="form",
            token="/accessToken",  # a pointer  # noqa: S106
        ),
        group=[
            RestGroup(
                id=GROUP,
                path="/edge/api/v1/graph?path={path}&p={field},ST",
                interval_s=section.interval_s,
                value="/p/{field}/value",
                time="/p/{field}/timestamp",
                quality="/p/ST/value",
                quality_as="fieldbus",
            )
        ],
        history=_history() if section.history else None,
    )


def place_values(place: str) -> Mapping[str, str]:
    """What a node puts into requests: ``{path}`` of the parameter, ``{field}``, and ``{id}`` for both together."""
    match = _NODE.fullmatch(place)
    if match is None:
        return {"id": place, "path": place, "field": "CV"}
    return {"id": place, "path": match["path"], "field": match["field"]}


def _history() -> RestHistory:
    return RestHistory(
        path=_HISTORY,
        rows="/fieldHistory/fieldValue",
        value="/value",  # a number or a number in quotes, and no quality beside it
        time="/timeStamp",
        span_s=3600,  # the vendor warns that long spans of raw values time out
        aggregate=RestAggregate(path=_HISTORY + "&Aggregation={aggregate}&Interval={seconds}"),
    )


def _checked(node: str, where: str) -> str:
    if _NODE.fullmatch(node) is None:
        raise SettingsError(
            f'tag "{where}": write its node as SYSTEM/MODULE/BLOCK/PARAMETER.FIELD, like PLANT/FIC-101/PID1/PV.CV'
        )
    return node
