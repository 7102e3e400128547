"""One sealed session from hello to bye, over a real relay and real TLS."""

from __future__ import annotations

import asyncio
import time

import pytest

from relay_bridge.agent.handles import MAX_HANDLES
from relay_bridge.contract.codec import encode, encode_request
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import (
    HEARTBEAT_MS,
    CatalogAnswer,
    CatalogQuery,
    Credit,
    Delta,
    Empty,
    Heartbeat,
    Hello,
    HelloAnswer,
    PingAnswer,
    Rate,
    Read,
    ReadAnswer,
    Snapshot,
    Sub,
    SubAnswer,
    Unsub,
)
from relay_bridge.contract.readings import BAD_NODE_ID_UNKNOWN, BAD_WAITING_FOR_INITIAL_DATA
from relay_bridge.contract.tokens import CLOCK_SKEW
from relay_bridge.transport import SessionClosed
from tests.relay_bridge.agent.conftest import Serve
from tests.relay_bridge.agent.support import SOURCE, TANK, ManualClock, SiteFolder, values_by_tag

NO_RING = '[history]\nring = "off"'  # its recorder watches tags too, and keeps them watched


async def test_hello_tells_site_epoch_heartbeat_and_sources(serve: Serve) -> None:
    async with serve() as site:
        answer = await (await site.web_app(hello=False)).hello()
        assert (answer.v, answer.site, answer.hb) == (1, "north", HEARTBEAT_MS)
        assert answer.epoch == site.agent.site.epoch
        assert answer.sources["main"].code == 0
        assert answer.caps == ["read", "subscribe"]


async def test_anything_before_hello_ends_the_session(serve: Serve) -> None:
    async with serve() as site:
        web_app = await site.web_app(hello=False)
        await web_app.send_request("ping")
        with pytest.raises(SessionClosed):
            await web_app.receive()


async def test_another_version_is_refused_and_ends_the_session(serve: Serve) -> None:
    async with serve() as site:
        web_app = await site.web_app(hello=False)
        with pytest.raises(RequestRefused, match="unsupported"):
            await web_app.call("hello", HelloAnswer, Hello(v=2))
        with pytest.raises(SessionClosed):
            await web_app.receive()


async def test_what_is_no_message_ends_the_session(serve: Serve) -> None:
    async with serve() as site:
        web_app = await site.web_app()
        await web_app.channel.send(b'{"i":1,"m":"ping","x":1}')
        with pytest.raises(SessionClosed):
            while True:
                await web_app.receive()


async def test_second_hello_is_refused(serve: Serve) -> None:
    async with serve() as site:
        web_app = await site.web_app()
        with pytest.raises(RequestRefused, match="bad_request"):
            await web_app.hello()


async def test_ping_needs_no_token_and_unknown_method_is_named(serve: Serve) -> None:
    async with serve() as site:
        web_app = await site.web_app()
        assert (await web_app.call("ping", PingAnswer)).t > 0
        with pytest.raises(RequestRefused, match="unsupported"):
            await web_app.call("browse", Empty)


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("catalog", CatalogQuery()),
        ("read", Read(tags=["TK-101.level"])),
        ("sub", Sub(tags=["TK-101.level"])),
        ("unsub", Unsub(tags=["TK-101.level"])),
        ("rate", Rate(ms=1000)),
    ],
)
async def test_every_method_with_values_needs_a_token_with_its_scope(serve: Serve, method: str, parameters) -> None:
    async with serve() as site:
        web_app = await site.web_app()
        with pytest.raises(RequestRefused) as refused:
            await web_app.call(method, Empty, parameters)
        assert refused.value.code == "auth"
        handle = (await web_app.auth(site.folder.token(scope="status:read alarm:read"))).a
        with pytest.raises(RequestRefused) as refused:
            await web_app.call(method, Empty, parameters, handle)
        assert refused.value.code == "role"
        with pytest.raises(RequestRefused) as refused:
            await web_app.call(method, Empty, parameters, handle + 1)
        assert refused.value.code == "auth"


async def test_catalog_is_complete_and_known_by_its_hash(serve: Serve) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()
        catalog = await web_app.call("catalog", CatalogAnswer, CatalogQuery(), handle)
        assert catalog.areas == ["North farm"]
        assert [asset.id for asset in catalog.assets] == ["TK-101"]
        level = next(tag for tag in catalog.tags if tag.id == "TK-101.level")
        assert (level.unit, level.dec, level.canon, level.source) == ("m", 3, "level", "main")
        assert level.lim is not None and level.lim.hh == 14.0
        same = await web_app.call("catalog", CatalogAnswer, CatalogQuery(have=catalog.cat), handle)
        assert same.same and not same.tags


async def test_read_answers_in_the_order_asked_with_quality(serve: Serve) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()
        site.driver.set("TK-101.level", 7.0, quality=0x40000000, time_ms=1_700_000_000_000)
        answer = await web_app.call(
            "read", ReadAnswer, Read(tags=["TK-101.temp_avg", "TK-101.level", "TK-101.product"], fresh=True), handle
        )
        names = [item[0] for item in answer.d]
        assert names == ["TK-101.temp_avg", "TK-101.level", "TK-101.product"]
        assert answer.d[1] == ["TK-101.level", 7.0, 1_700_000_000_000, 0x40000000]
        assert answer.d[2][1] is None and answer.d[2][3] == BAD_WAITING_FOR_INITIAL_DATA


async def test_unconfigured_tag_cannot_be_read_or_watched(serve: Serve) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()
        with pytest.raises(RequestRefused) as refused:
            await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level", "TK-999.level"]), handle)
        assert refused.value.code == "not_found" and refused.value.detail == {"tag": "TK-999.level"}
        answer = await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level", "TK-999.level"]), handle)
        assert list(answer.h) == ["TK-101.level"] and answer.bad == {"TK-999.level": BAD_NODE_ID_UNKNOWN}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../TK-101.level",
        "ns=2;s=TK-101.Level",
        "nsu=urn:x;s=Y",
        "opc.tcp://plant",
        "%2e%2e",
        "TK-101.level ",
        "TK-101.level\u200b",
    ],
)
async def test_no_spelling_of_a_plant_name_is_a_tag(serve: Serve, name: str) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()
        raw = encode_request(50, "read", Read(tags=[name], fresh=True), handle)
        await web_app.channel.send(raw)
        answer = await web_app.answer_to(50)
        assert answer.e is not None and answer.e.c in {"bad_request", "not_found"}


async def test_stream_starts_with_a_snapshot_and_goes_on_with_deltas(serve: Serve) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()
        sub = await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level", "TK-101.product"], rate=250), handle)
        first = await web_app.next_values()
        assert isinstance(first, Snapshot) and first.full == 1
        assert values_by_tag(first, sub.h) == {"TK-101.level": 12.346, "TK-101.product": None}
        waiting = next(item for item in first.d if item[0] == sub.h["TK-101.product"])
        assert waiting[3] == BAD_WAITING_FOR_INITIAL_DATA
        site.driver.set("TK-101.level", 12.9)
        delta = await web_app.next_values()
        assert isinstance(delta, Delta) and values_by_tag(delta, sub.h) == {"TK-101.level": 12.9}
        numbers = [push.n for push in web_app.pushes]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_without_credit_values_only_coalesce_and_heartbeats_go_on(serve: Serve) -> None:
    async with serve(heartbeat=0.1) as site:
        web_app, handle = await site.signed_in()
        sub = await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level"], rate=250), handle)
        await web_app.next_push(Snapshot)
        site.driver.set("TK-101.level", 1.0)
        second = await web_app.next_push(Delta)
        for step in range(20):
            site.driver.set("TK-101.level", 2.0 + step)
        for _ in range(5):  # half a second in which a value would have come twice
            assert isinstance(await web_app.next_push(), Heartbeat)
        await web_app.channel.send(encode(Credit(ok=second.n)))
        last = await web_app.next_push(Delta)
        assert values_by_tag(last, sub.h) == {"TK-101.level": 21.0}


async def test_source_going_down_is_told_at_once_and_values_stay(serve: Serve) -> None:
    async with serve(heartbeat=20.0) as site:
        web_app, handle = await site.signed_in()
        await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level"]), handle)
        await web_app.next_values()
        site.driver.set_state(2, "no answer from opc.tcp://plant")
        async with asyncio.timeout(2):
            beat = await web_app.next_push()
        assert isinstance(beat, Heartbeat) and beat.src["main"].code == 2
        answer = await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)
        assert answer.d[0][1] == 12.346 and answer.d[0][3] == 0x408F0000
        with pytest.raises(RequestRefused) as refused:
            await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"], fresh=True), handle)
        assert refused.value.code == "source_down"


async def test_heartbeats_come_by_themselves(serve: Serve) -> None:
    async with serve(heartbeat=0.05) as site:
        web_app = await site.web_app()
        first, second = await web_app.next_push(), await web_app.next_push()
        assert isinstance(first, Heartbeat) and isinstance(second, Heartbeat)
        assert second.n == first.n + 1


async def test_lost_lease_stops_values_with_a_bye_and_renewal_keeps_them(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, NO_RING)
    async with serve(lease=0.6, heartbeat=0.1) as running:
        web_app, handle = await running.signed_in()
        await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level"], rate=250), handle)
        await web_app.next_values()
        for _ in range(4):  # 1.2 s: twice the lease
            await asyncio.sleep(0.3)
            assert (await web_app.auth(site.token(), renew=handle)).a == handle
        running.driver.set("TK-101.level", 3.0)
        assert isinstance(await web_app.next_values(), Delta)
        assert (await web_app.next_bye()).why == "lease"
        assert running.agent.site.subscriptions.watched() == 0
        running.driver.set("TK-101.level", 4.0)
        for _ in range(3):
            assert isinstance(await web_app.next_push(), Heartbeat)


async def test_expired_handle_is_refused(serve: Serve) -> None:
    clock = ManualClock(time.time())
    async with serve(clock=clock) as site:
        web_app, handle = await site.signed_in(now=clock.now, life=60)
        await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)
        clock.move(60 + CLOCK_SKEW + 1)
        with pytest.raises(RequestRefused) as refused:
            await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)
        assert refused.value.code == "auth"


async def test_newer_epoch_of_the_grant_closes_handles_under_the_older_one(serve: Serve) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in(gid="g", gep=3)
        await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)
        await site.signed_in(gid="g", gep=4)
        with pytest.raises(RequestRefused) as refused:
            await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"]), handle)
        assert refused.value.code == "auth"


async def test_tokens_on_one_session_are_bounded(serve: Serve) -> None:
    async with serve() as site:
        web_app = await site.web_app()
        for _ in range(MAX_HANDLES):
            await web_app.auth(site.folder.token())
        with pytest.raises(RequestRefused, match="busy"):
            await web_app.auth(site.folder.token())


async def test_token_refusals_all_read_the_same(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as site:
        web_app = await site.web_app()
        messages = set()
        for token in (site.folder.token(aud="https://hmi.example.com/sites/south"), "a.b.c", site.folder.token(gep=-1)):
            with pytest.raises(RequestRefused) as refused:
                await web_app.auth(token)
            messages.add(refused.value.message)
            assert token not in caplog.text
        assert messages == {"The site did not accept this token."}


async def test_33rd_request_in_flight_is_busy(serve: Serve) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()
        gate = asyncio.Event()
        slow = site.agent.site.reads

        class Gated:
            async def read(self, *arguments, **options):
                await gate.wait()
                return await slow.read(*arguments, **options)

        # Not a mock of our own code: the real reads, held back until the requests have piled up.
        object.__setattr__(site.agent.site, "reads", Gated())
        numbers = [await web_app.send_request("read", Read(tags=["TK-101.level"]), handle) for _ in range(33)]
        refused = await web_app.answer_to(numbers[-1])
        assert refused.e is not None and refused.e.c == "busy"
        gate.set()
        assert (await web_app.answer_to(numbers[0])).e is None


async def test_asking_too_often_is_refused(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, "[limits]\nrequests_per_second = 1")
    async with serve() as running:
        web_app = await running.web_app()
        codes = []
        for _ in range(4):
            answer = await web_app.answer_to(await web_app.send_request("ping"))
            codes.append(answer.e.c if answer.e else "ok")
        assert codes[:2] == ["ok", "ok"] and "rate" in codes[2:]


async def test_unsubscribed_tags_are_no_longer_watched_at_the_source(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, NO_RING)
    async with serve() as running:
        web_app, handle = await running.signed_in()
        await web_app.call("sub", SubAnswer, Sub(tags=["TK-101.level", "TK-101.temp_avg"]), handle)
        assert running.agent.site.subscriptions.watched() == 2
        await web_app.call("unsub", Empty, Unsub(tags=["TK-101.level"]), handle)
        assert running.agent.site.subscriptions.watched() == 1
        await web_app.channel.close()
        async with asyncio.timeout(5):
            while running.agent.uplink.sessions:
                await asyncio.sleep(0.01)
        assert running.agent.site.subscriptions.watched() == 0


async def test_fault_inside_answers_with_an_incident_number_only(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve() as site:
        web_app, handle = await site.signed_in()

        class Broken:
            capabilities = frozenset({"read"})

            async def read(self, tags, deadline):
                raise RuntimeError("opc.tcp://10.1.2.3 secret trace")

            def unwatch(self, tags):
                pass

        site.agent.drivers["main"] = Broken()  # a driver is the foreign part here: it may do anything
        site.agent.site.reads._drivers = site.agent.drivers
        with pytest.raises(RequestRefused) as refused:
            await web_app.call("read", ReadAnswer, Read(tags=["TK-101.level"], fresh=True), handle)
        assert refused.value.code == "internal"
        assert "10.1.2.3" not in refused.value.message
        incident = refused.value.message.rsplit(" ", 1)[1].rstrip(".")
        assert incident in caplog.text
