"""A DeltaV Edge node as its vendor documents it: addresses, fields, and nothing that could change it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from relay_bridge.agent.config_rest import DeltaVEdgeSource
from relay_bridge.agent.drivers.base import OK
from relay_bridge.agent.drivers.deltav_edge import deltav_edge_driver
from relay_bridge.agent.drivers.rest import RestTag, SettingsError
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, Reading
from tests.relay_bridge.agent.drivers.rest.support import live, running
from tests.relay_bridge.agent.drivers.rest.test_alarms import Sink
from tests.support.certificates import make_identity
from tests.support.rest_server import Asked, RestServer, Status

GRAPH, HISTORY, AE = "/edge/api/v1/graph", "/edge/api/v1/history", "/edge/api/v1/ae"
LOGIN = "/edge/api/v1/Login/GetAuthToken/profile"
NODE = "PH-MS-EDGE-PP_S/PID-101/PID1/PV.CV"
TAGS = [
    RestTag("pv", NODE),
    RestTag("mode", "PH-MS-EDGE-PP_S/PID-101/PID1/MODE.ACTUAL", "text"),
    RestTag("no", "S/X/Y.CV"),
]
# As in figure 1-21 of the vendor's "Access data" page.
PV = {
    "id": "281476434362368",
    "path": "PH-MS-EDGE-PP_S/PID-101/PID1/PV",
    "fullPath": "PH-MS-EDGE-PP_S/ControlStrategies/AREA_A/PID-101/PID1/PV",
    "p": {
        "CV": {
            "type": "Double",
            "value": 47.529984,
            "history": "https://192.0.2.1/edge/api/v1/history/281476434362368?p=CV",
            "timestamp": "2023-09-18T01:51:25.596Z",
        },
        "ST": {"type": "UInt8", "value": 128},
    },
    "r": {},
}


def row(state: str, time: str, **facts: Any) -> dict[str, Any]:
    """As in figure 1-28."""
    return {
        "dateTime": time,
        "eventType": "ALARM",
        "category": "PROCESS",
        "area": "AREA_A",
        "node": "PH-MS-EDGE-PP",
        "unit": "",
        "module": "PID-101",
        "moduleDescription": "Control Module",
        "parameter": "LO_LO_ALM",
        "state": state,
        "level": "CRITICAL",
        "desc1": "LOLO",
        "desc2": "Low Low Alarm Value 13.6467 Limit 10",
        **facts,
    }


class Edge:
    """The node: tokens, entities, history, a journal with pages."""

    def __init__(self, server: RestServer) -> None:
        self.token = "t1"
        self.entities = {PV["path"]: PV}
        self.journal: list[dict[str, Any]] = []
        self.page = 300
        server.answers |= {
            LOGIN: self.login,
            GRAPH: self.graph,
            HISTORY: self.history,
            AE: self.ae,
        }

    def login(self, asked: Asked) -> Any:
        if asked.body != b"username=mobile&password=right":
            return Status(401, {"result": 0})
        return {"accessToken": self.token, "result": 1}

    def graph(self, asked: Asked) -> Any:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return Status(401, {"message": "No authorization"})
        found = self.entities.get(asked.query["path"][0])
        return found if found is not None else Status(404, {})

    def history(self, asked: Asked) -> Any:
        rows = [{"timeStamp": "2023-10-16T06:02:28.6490000Z", "value": "50500.25"}]
        rows += [{"timeStamp": "2023-10-16T05:59:28.649Z", "value": 55857}]
        return {
            "entityId": "1",
            "fieldHistory": {"fieldName": "CV", "fieldValue": rows if "Aggregation" not in asked.query else []},
        }

    def ae(self, asked: Asked) -> Any:
        size = min(int(asked.query["PS"][0]), self.page)
        number = int(asked.query["PN"][0])
        newest = sorted(self.journal, key=lambda row: row["dateTime"], reverse=True)
        start, end = asked.query["StartTime"][0], asked.query["EndTime"][0]
        inside = [row for row in newest if start <= row["dateTime"] <= end]
        part = inside[(number - 1) * size : number * size]
        links = [{"name": "next", "endPoint": "https://192.0.2.66/steal"}] if len(inside) > number * size else []
        return {"alarmsAndEvents": part, "paging": {"links": links, "info": {"currentPageNumber": number}}}


def edge_driver(url: str, *tags: RestTag, password: str = "right", clock: Any = None, **facts: Any) -> Any:
    named: dict[str, Any] = {
        "allow_insecure": True,
        "requests_per_second": 100,
        "interval_s": 0.05,
        "first_byte_s": 0.5,
        "deadline_s": 1.0,
        "alarm_interval_s": 0.1,
    }
    section = DeltaVEdgeSource(id="edge", url=url, user="mobile", password="file:x", **{**named, **facts})
    return deltav_edge_driver(section, tags or TAGS, password=password, clock=clock)


async def test_values_over_a_pinned_self_signed_certificate(tmp_path: Path) -> None:
    own = make_identity("edge-node")
    pin = tmp_path / "edge.pem"
    pin.write_text(own.cert_pem)
    async with RestServer(identity=own, folder=tmp_path) as server:
        edge = Edge(server)
        edge.entities["PH-MS-EDGE-PP_S/PID-101/PID1/MODE"] = {"p": {"ACTUAL": {"type": "Enum", "value": "AUTO"}}}
        made = edge_driver(server.url, allow_insecure=False, server_cert=str(pin))
        async with live(made, ["pv", "mode", "no"]) as sink:
            await sink.until(lambda: len(sink.readings) == 3)
            assert sink.readings["pv"] == Reading(47.529984, 1_695_001_885_596, 0)
            assert (
                sink.readings["mode"].value == "AUTO" and sink.readings["mode"].quality == 0x40000000
            )  # it has no time
            assert sink.readings["no"].quality == BAD_NODE_ID_UNKNOWN
            assert sink.state.code == OK
            targets = {asked.target for asked in server.asked_for(GRAPH)}
            assert f"{GRAPH}?path=PH-MS-EDGE-PP_S%2FPID-101%2FPID1%2FPV&p=CV,ST" in targets
            edge.entities[PV["path"]] = PV | {"p": {**PV["p"], "ST": {"type": "UInt8", "value": 28}}}
            await sink.until(lambda: sink.readings["pv"].quality == 0x80000000)
            edge.token = "t2"  # a day has passed
            await server.until(lambda: len(server.asked_for(LOGIN)) == 2)
            await server.until(lambda: server.asked[-1].headers.get("authorization") == "Bearer t2")
            assert sink.state.code == OK
        assert {asked.method for asked in server.asked if asked.path != LOGIN} == {"GET"}


async def test_it_can_do_nothing_but_read() -> None:
    made = edge_driver("http://127.0.0.1:1")
    assert made.capabilities == {"read", "subscribe", "history_raw", "history_aggregate", "alarms"}
    assert not hasattr(made, "write") and not hasattr(made, "call")
    plain = edge_driver("http://127.0.0.1:1", history=False, alarms="none")
    assert plain.capabilities == {"read", "subscribe"}
    assert "3 requests are to be made again and again, 60.0 a second" in plain.notes()[0]


async def test_wrong_password_and_active_directory() -> None:
    async with RestServer() as server:
        Edge(server)
        async with running(edge_driver(server.url, password="wrong")) as sink:
            await sink.until(lambda: sink.state.reason.startswith("login refused"))
        server.answers["/edge/api/v1/Login/GetAuthToken/activedirectory"] = {"accessToken": "t1", "result": 1}
        async with live(edge_driver(server.url, directory=True)):
            pass


async def test_history_of_strings_and_numbers_oldest_first() -> None:
    async with RestServer() as server:
        Edge(server)
        made = edge_driver(server.url)
        start = int(dt.datetime(2023, 10, 16, 5, 30, tzinfo=dt.UTC).timestamp() * 1000)
        async with live(made, ["pv"]):
            found = await made.history_raw("pv", start, start + 3_600_000, 100, 5.0)
            assert [reading.value for reading in found.readings] == [55857, 50500.25]
            assert all(reading.quality == 0 for reading in found.readings)
            query = server.asked_for(HISTORY)[0].query
            assert query == {
                "path": [NODE],
                "StartTime": ["2023-10-16T05:30:00.000Z"],
                "EndTime": ["2023-10-16T06:30:00.000Z"],
            }
            await made.history_aggregate("pv", start, 60_000, 3, 5.0)
            asked = [one.query for one in server.asked_for(HISTORY)[1:]]
            assert {one["Aggregation"][0] for one in asked} == {"Minimum", "Maximum", "Average"}
            assert {one["Interval"][0] for one in asked} == {"60"}


async def test_the_journal_is_replayed_page_by_page_and_followed() -> None:
    now = dt.datetime(2023, 9, 16, 1, 0, tzinfo=dt.UTC).timestamp()
    async with RestServer() as server:
        edge = Edge(server)
        edge.page = 40
        edge.journal = [
            row("ACT/UNACK", f"2023-09-16T00:{minute:02d}:00.000Z", module=f"M{minute}") for minute in range(50)
        ]
        edge.journal += [
            row("INACT/ACK", f"2023-09-16T00:{minute:02d}:30.000Z", module=f"M{minute}") for minute in range(48)
        ]
        made = edge_driver(server.url, clock=lambda: now)
        sink = Sink()
        made.watch_alarms(sink)
        async with live(made, ["pv"]):
            told = await sink.until(4)
            assert told[0] == "began" and told[3] == "ended"
            assert {alarm.name for alarm in told[1:3]} == {"M48/LO_LO_ALM", "M49/LO_LO_ALM"}
            assert [asked.query["PN"] for asked in server.asked_for(AE)][:3] == [["1"], ["2"], ["3"]]
            assert server.asked_for(AE)[0].query["StartTime"] == ["2023-09-15T01:00:00.000Z"]
            assert server.asked_for(AE)[0].query["eventType"] == ["ALARM"]
            # It came and went between two looks: both are told.
            edge.journal += [row("ACT/UNACK", "2023-09-16T00:59:00.100Z"), row("INACT/ACK", "2023-09-16T00:59:00.200Z")]
            came, went = (await sink.until(6))[4:]
            assert came.active and came.retain and not went.active and not went.retain
            assert came.severity == 900 and came.node == NODE and came.message.startswith("Low Low Alarm Value")
            later = [
                asked for asked in server.asked_for(AE) if asked.query["StartTime"][0].startswith("2023-09-16T00:48")
            ]
            assert later  # only what is new, and a minute more


@pytest.mark.parametrize("node", ["PV", "S/PV", "S/M/PV.", "S/M/.CV/", "S/M/P V.C V", "/PV.CV", "S//PV.CV", ".CV"])
def test_a_node_that_names_no_field_of_a_parameter_is_refused(node: str) -> None:
    with pytest.raises(SettingsError, match=r"SYSTEM/MODULE/BLOCK/PARAMETER.FIELD"):
        edge_driver("http://127.0.0.1:1", RestTag("pv", node))
