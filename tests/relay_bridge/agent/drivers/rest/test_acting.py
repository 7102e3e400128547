"""Writing: one request as declared, once, and the truth about what became of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from relay_bridge.agent.config_rest import RestGroup, RestWrite, TokenLogin
from relay_bridge.agent.drivers.abilities import OutcomeUnknown
from relay_bridge.agent.drivers.rest import SettingsError
from relay_bridge.agent.drivers.rest.acting import ActingRestDriver
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.drivers.rest.support import driver, live, source, tag
from tests.support import rest_server
from tests.support.rest_server import RestServer, Status

WRITE = RestWrite(path="/w/{id}", method="PUT", body=[{"id": "{id}", "v": "{value}"}], ok="/0/s")


def acting(server: RestServer, write: RestWrite = WRITE, **facts: Any) -> Any:
    return driver(
        source(server.url, write=write, **facts), writes=True, **({"secret": "x"} if "login" in facts else {})
    )


async def test_a_write_is_the_declared_request_with_the_value_in_its_own_type() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": [{"s": True}]}
        made = acting(server)
        async with live(made):
            assert "write" in made.capabilities
            for value in (75, 0.1, True, 'a","v":1', "{id}"):
                await made.write("level", value, 2.0)
                asked = server.asked_for("/w//level")[-1]
                assert asked.method == "PUT" and asked.target == "/w/%2Flevel"
                assert asked.json() == [{"id": "/level", "v": value}]
                assert type(asked.json()[0]["v"]) is type(value)


@pytest.mark.parametrize(
    "answer",
    [
        rest_server.silent,
        rest_server.hang_up,
        rest_server.reset,
        rest_server.slow_body,
        rest_server.bomb,
        Status(500, {}),
        Status(302, {}),
        Status(408, {}),
        rest_server.text(b"<html>"),
    ],
    ids=str,
)
async def test_what_cannot_be_told_is_unknown_and_never_tried_again(answer: Any) -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": answer}
        made = acting(server, first_byte_s=0.5, deadline_s=0.8)
        async with live(made):
            with pytest.raises(OutcomeUnknown):
                await made.write("level", 5, 1.0)
            await made.read(["level"], 5.0)
            assert len(server.asked_for("/w//level")) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Status(400, {}), "(400)"),
        (Status(401, {}), "(401)"),
        (Status(409, {}), "(409)"),
        ([{"s": False}], "did not take"),
    ],
    ids=str,
)
async def test_a_refusal_is_a_refusal(answer: Any, words: str) -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": answer, "/login": {"token": "t"}}
        login = TokenLogin(path="/login", user="u", password="x", token="/token")
        made = acting(server, login=login)
        async with live(made):
            with pytest.raises(RequestRefused) as refused:
                await made.write("level", 5, 1.0)
            assert refused.value.code == "source_refused" and words in refused.value.message
            assert len(server.asked_for("/w//level")) == 1  # not even after 401


async def test_what_was_not_sent_was_not_done() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": [{"s": True}]}
        made = acting(server, requests_per_second=1)
        with pytest.raises(RequestRefused, match="source_down"):
            await made.write("level", 5, 1.0)
        async with live(made):
            for value in (float("nan"), float("inf"), None):
                with pytest.raises(RequestRefused, match="type"):
                    await made.write("level", value, 1.0)
            with pytest.raises(RequestRefused, match="not_found"):
                await made.write("other", 1, 1.0)
            with pytest.raises(RequestRefused, match="source_down"):
                await made.write("level", 5, 0.05)  # its turn did not come
        assert server.asked_for("/w//level") == []


@pytest.mark.parametrize("answer", [[], {}, [{"error": "busy"}], [{"state": {"s": True}}]], ids=str)
async def test_an_answer_of_another_shape_tells_nothing(answer: Any) -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": answer}
        made = acting(server)
        async with live(made):
            with pytest.raises(OutcomeUnknown, match="another shape"):
                await made.write("level", 5, 2.0)


async def test_a_write_that_has_to_wait_is_not_sent_late() -> None:
    """Value, time to live and the switch at the plant were looked at right before; none of it may grow old."""
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": [{"s": True}]}
        made = acting(server, requests_per_second=1, first_byte_s=30.0, deadline_s=30.0)
        async with live(made):
            ends = await asyncio.gather(
                *(made.write("level", value, 5.0) for value in range(4)), return_exceptions=True
            )
            refused = [end for end in ends if isinstance(end, RequestRefused)]
            assert refused and all(
                "could not be asked within 1.5 s; nothing was sent" in end.message for end in refused
            )
            sent = len(server.asked_for("/w//level"))
            assert sent == len(ends) - len(refused)
            before = len(server.asked)
            await server.until(lambda: len(server.asked) > before + 1)
            assert len(server.asked_for("/w//level")) == sent, "nor afterwards"


async def test_a_connection_that_does_not_come_about_is_nothing_sent() -> None:
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": [{"s": True}]}
        made = acting(server)
        async with live(made):
            server.stop_listening()
            with pytest.raises(RequestRefused, match="source_down"):
                await made.write("level", 5, 2.0)


async def test_a_place_that_is_no_name_is_refused_before_anything_is_sent() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = {"": 1, "level": 1}
        rows = RestGroup(id="rows", path="/rows", rows="", row_id="/n", value="/v", interval_s=0.05)
        server.answers["/rows"] = [{"n": "..", "v": 1}]
        made = driver(source(server.url, rows, write=WRITE), tag("dots", "rows#.."), writes=True)
        async with live(made):
            with pytest.raises(RequestRefused, match="bad_request: The tag cannot be named"):
                await made.write("dots", 5, 2.0)
        assert {asked.path for asked in server.asked} == {"/rows"}


async def test_writing_does_not_use_a_kept_connection() -> None:
    """One that the source has just closed would leave the outcome unknown for nothing."""
    async with RestServer() as server:
        server.answers |= {"/plain": {"level": 1}, "/w//level": [{"s": True}]}
        made = acting(server)
        async with live(made):
            for _ in range(5):
                await made.read(["level"], 1.0)
                server.cut()
                await made.write("level", 5, 1.0)
        assert len(server.asked_for("/w//level")) == 5


def test_the_code_is_not_loaded_unless_it_is_allowed() -> None:
    code = """
import sys
from relay_bridge.agent.config_rest import *
from relay_bridge.agent.drivers.rest import RestTag, make_driver
settings = RestSource(id="m", url="http://127.0.0.1:1", allow_insecure=True, group=[RestGroup(id="g", path="/")],
    write=RestWrite(path="/w"), alarms="list", alarm_list=RestAlarms(path="/a", rows="", ack=RestAck(path="/k/{id}")))
made = make_driver(settings, [RestTag("a", "g#/a")])
assert made.capabilities == {"read", "subscribe", "alarms"}, made.capabilities
assert not hasattr(made, "write")
print([name for name in sys.modules if ".rest." in name and name.endswith(("acting", "acknowledging", "outcomes"))])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (None, "nothing says how"),
        (RestWrite(path="/w", body={"v": 1}), "lacks {value}"),
        (RestWrite(path="/w/{value}"), "not known"),
        (RestWrite(path="/w", body={"v": "{value}", "x": "{user}"}), "not known"),
        (RestWrite(path="/w", body={"{value}": 1}), "cannot stand in a name"),
        (RestWrite(path="/w", body=[{"{id}": "{value}"}]), "cannot stand in a name"),
    ],
)
def test_settings_that_cannot_be(write: RestWrite | None, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        if write is None:
            ActingRestDriver(source("http://127.0.0.1:1"), [tag("a", "plain#/a")])
        else:
            driver(source("http://127.0.0.1:1", write=write), writes=True)


def test_a_pace_that_leaves_no_turn_for_a_write_is_said() -> None:
    with pytest.raises(SettingsError, match="requests_per_second of at least 1"):
        driver(source("http://127.0.0.1:1", write=WRITE, requests_per_second=0.9), writes=True)
