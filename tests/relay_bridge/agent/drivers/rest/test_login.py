"""Signing in: each kind, renewal, and a refusal that does not lock the plant's account."""

from __future__ import annotations

import asyncio
import base64
import itertools
from typing import Any

import pytest

from relay_bridge.agent.config_rest import BasicLogin, BearerLogin, TokenLogin
from relay_bridge.agent.drivers.base import DOWN, OK
from relay_bridge.agent.drivers.rest import SettingsError
from relay_bridge.agent.drivers.rest.login import make_login
from relay_bridge.agent.drivers.rest.problems import Trouble
from tests.relay_bridge.agent.drivers.rest.support import driver, live, running, source
from tests.support.rest_server import Asked, RestServer, Status

TOKEN = TokenLogin(path="/login", user="mobile", password="file:x", token="/data/token", expires="/data/life")


class Gate:
    """A login that hands out tokens, and a page that wants the newest one."""

    def __init__(self, server: RestServer, life: float | None = None) -> None:
        self.numbers = itertools.count(1)
        self.valid = ""
        self.life = life
        server.answers |= {"/login": self.login, "/plain": self.page}

    def login(self, asked: Asked) -> Any:
        form = asked.headers["content-type"] == "application/x-www-form-urlencoded"
        words = (
            {part.split("=")[0]: part.split("=")[1] for part in asked.body.decode().split("&")}
            if form
            else asked.json()
        )
        if words["password"] not in ("right &=", "right+%26%3D"):
            return Status(401, {})
        self.valid = f"token-{next(self.numbers)}"
        return {"data": {"token": self.valid} | ({"life": self.life} if self.life is not None else {})}

    def page(self, asked: Asked) -> Any:
        return {"level": 1} if asked.headers.get("authorization") == f"Bearer {self.valid}" else Status(401, {})


@pytest.mark.parametrize("send", ["json", "form"])
async def test_token_is_asked_for_once_and_again_after_401(send: str) -> None:
    settings = TokenLogin(path="/login", user="mobile", password="file:x", token="/data/token", send=send)  # type: ignore[arg-type]
    async with RestServer() as server:
        gate = Gate(server)
        async with live(driver(source(server.url, login=settings), secret="right &="), ["level"]) as sink:
            await server.until(lambda: len(server.asked_for("/plain")) > 3)
            assert len(server.asked_for("/login")) == 1
            gate.valid = "thrown away"  # a night's restart of the source
            await server.until(lambda: len(server.asked_for("/login")) == 2)
            await server.until(lambda: gate.valid == "token-2" and len(server.asked_for("/plain")) > 8)
            assert [state.code for state in sink.states] == [DOWN, OK]


async def test_token_is_renewed_before_it_runs_out() -> None:
    async with RestServer() as server:
        Gate(server, life=0.5)
        async with live(driver(source(server.url, login=TOKEN), secret="right &="), ["level"]):
            await server.until(lambda: len(server.asked_for("/login")) >= 3)
        refused = [asked for asked in server.asked_for("/plain") if "authorization" not in asked.headers]
        assert refused == []


@pytest.mark.parametrize("life", [10**400, 1e308, float("inf")])
async def test_a_life_of_any_length_is_a_life(life: float) -> None:
    async with RestServer() as server:
        Gate(server, life=life)
        async with live(driver(source(server.url, login=TOKEN), secret="right &="), ["level"]) as sink:
            await sink.until(lambda: "level" in sink.readings)
        assert len(server.asked_for("/login")) == 1


async def test_a_wrong_password_is_told_and_not_hammered() -> None:
    async with RestServer() as server:
        Gate(server)
        made = driver(source(server.url, login=TOKEN), secret="wrong")
        async with running(made, ["level"]) as sink:
            await sink.until(lambda: sink.state.reason.startswith("login refused"))
            # Further attempts to come up ask nobody.
            async with asyncio.timeout(10):
                while made._attempts < 3:
                    await asyncio.sleep(0.02)
            assert len(server.asked_for("/login")) == 1 and server.asked_for("/plain") == []
            assert "wrong" not in sink.state.reason and "mobile" not in sink.state.reason


async def test_pauses_after_refusals_grow_to_five_minutes() -> None:
    now = [0.0]
    login = make_login(TOKEN, "x")
    login._clock = lambda: now[0]
    for pause in (5, 10, 20, 40, 80, 160, 300, 300):
        login.give_up()
        now[0] += pause - 0.1
        with pytest.raises(Trouble) as still:
            login._wait_out()
        assert still.value.reach == "source" and not still.value.sent
        now[0] += 0.2
        login._wait_out()
    login.accepted()
    login.give_up()
    now[0] += 5.1
    login._wait_out()


@pytest.mark.parametrize(
    "answer",
    [
        {"data": {}},
        {"data": {"token": 5}},
        {"data": {"token": "a\r\nX-Evil: 1"}},
        {"data": {"token": ""}},
        b"<html>",
        [],
    ],
)
async def test_an_answer_without_a_token_is_a_refusal(answer: Any) -> None:
    async with RestServer() as server:
        server.answers["/login"] = Status(200, answer)
        async with running(driver(source(server.url, login=TOKEN), secret="x")) as sink:
            await sink.until(lambda: sink.state.reason.startswith("login refused"))
        assert len(server.asked) == 1


async def test_a_token_that_is_never_accepted_ends_in_a_refusal_and_not_in_a_loop() -> None:
    async with RestServer() as server:
        server.answers |= {"/login": {"data": {"token": "t"}}, "/plain": Status(401, {})}
        async with running(driver(source(server.url, login=TOKEN), secret="x"), ["level"]) as sink:
            await sink.until(lambda: sink.state.reason.startswith("login refused"))
        assert len(server.asked_for("/login")) == 2 and len(server.asked_for("/plain")) == 2


async def test_basic_and_bearer_are_sent_as_they_are() -> None:
    async with RestServer() as server:
        server.answers["/plain"] = lambda asked: {"level": asked.headers["authorization"]}
        for login, secret, header in (
            (
                BasicLogin(user="mobile", password="x"),
                "pä:ss",
                "Basic " + base64.b64encode("mobile:pä:ss".encode()).decode(),
            ),
            (BearerLogin(secret="x"), "abc.def", "Bearer abc.def"),
        ):
            async with live(driver(source(server.url, login=login), secret=secret)):
                assert server.asked[-1].headers["authorization"] == header


@pytest.mark.parametrize(
    ("url", "login", "readable"),
    [
        ("http://192.0.2.1", True, True), ("http://gauges.plant", True, True), ("https://192.0.2.1", True, False),
        ("http://127.0.0.1:9", True, False), ("http://[::1]:9", True, False), ("http://192.0.2.1", False, False),
    ],
)  # fmt: skip
def test_a_login_that_anybody_can_read_is_named_by_check(url: str, login: bool, readable: bool) -> None:
    settings = source(url, login=BearerLogin(secret="x") if login else None)
    assert any("crosses the network readable" in note for note in driver(settings, secret="abc").notes()) is readable


@pytest.mark.parametrize("secret", ["two words", "line\r\nX: y", "", "é"])
def test_a_bearer_token_that_cannot_stand_in_a_header_is_refused(secret: str) -> None:
    with pytest.raises(SettingsError):
        make_login(BearerLogin(secret="x"), secret)


async def test_the_token_goes_to_no_other_place() -> None:
    async with RestServer() as server, RestServer() as thief:
        server.answers["/plain"] = Status(307, {}, f"Location: {thief.url}/steal\r\n")
        async with running(driver(source(server.url, login=BearerLogin(secret="x")), secret="abc"), ["level"]) as sink:
            await sink.until(lambda: "redirect, which is not followed" in sink.state.reason)
        assert thief.asked == []
