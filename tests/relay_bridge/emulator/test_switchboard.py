"""Who is let in and who is refused, with which words: every row of the failure table that needs no second party."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from urllib.parse import quote

import aiohttp
import pytest

from relay_bridge.emulator.server import RelayEmulator
from relay_bridge.protocol.sas import create_token
from tests.relay_bridge.emulator.raw_peers import handshake
from tests.relay_bridge.emulator.support import CONNECT, LISTEN, NORTH, OPEN, Stream, auth, eventually, listen, sas


@pytest.mark.parametrize("target", [LISTEN, CONNECT, f"/$hc/{NORTH}"])
@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("", "MissingToken"),
        ("nonsense", "MalformedToken"),
        ("eyJhbGciOiJub25lIn0.e30.", "MalformedToken"),
        (sas(key="guessed"), "token has an invalid signature"),
        (create_token(f"http://127.0.0.1/{NORTH}", "nobody", "send-primary", 4_000_000_000), "invalid signature"),
        (sas(life=-1), "ExpiredToken: The token is expired. Expiration time: "),
    ],
)
async def test_bad_token_is_401(emulator: RelayEmulator, target: str, token: str, text: str) -> None:
    answer = await handshake(emulator, target, auth(token))

    assert answer.status == 401
    assert text in answer.reason
    assert "via" not in answer.headers


@pytest.mark.parametrize(
    ("target", "make_token"),
    [
        # Made when the test runs: a token made when it is collected may have expired by then.
        (LISTEN, lambda: sas("send")),
        (CONNECT, lambda: sas("listen")),
        (f"/$hc/{NORTH}", lambda: sas("listen")),
        (CONNECT, lambda: sas("send", "sites/south")),
        (CONNECT, lambda: sas("send", "sites/nor")),
        (CONNECT, lambda: create_token(f"http://elsewhere.example/{NORTH}", "web", "send-primary", 4_000_000_000)),
    ],
    ids=["send-listens", "listen-sends", "listen-sends-by-default", "another-site", "part-of-a-name", "another-host"],
)
async def test_wrong_right_or_wrong_resource_is_403(
    emulator: RelayEmulator, target: str, make_token: Callable[[], str]
) -> None:
    assert (await handshake(emulator, target, auth(make_token()))).status == 403


async def test_unknown_hybrid_connection_is_404_but_only_for_those_who_belong_here(emulator: RelayEmulator) -> None:
    for action in ("listen", "connect"):
        target = f"/$hc/sites/west?sb-hc-action={action}"

        known = await handshake(emulator, target, auth(sas("send", "sites/west")))
        assert (known.status, known.reason.partition(". ")[0]) == (404, "Endpoint does not exist")
        assert (await handshake(emulator, target, auth(sas("send", "sites/west", key="guessed")))).status == 401
        assert (await handshake(emulator, target)).status == 401


async def test_no_listener_is_404(emulator: RelayEmulator) -> None:
    answer = await handshake(emulator, CONNECT, auth(sas()))

    assert answer.status == 404
    assert answer.reason.startswith("There are no listeners connected for the endpoint. TrackingId:")


async def test_reason_phrase_and_body_carry_the_tracking_details(emulator: RelayEmulator) -> None:
    answer = await handshake(emulator, f"{CONNECT}&sb-hc-id=from-bob", auth(sas()))

    assert re.fullmatch(
        r"There are no listeners connected for the endpoint\. TrackingId:from-bob_G0, "
        r"SystemTracker:sb://127\.0\.0\.1/sites/north, Timestamp:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
        answer.reason,
    )
    assert answer.headers["trackingid"] == "from-bob_G0"
    assert answer.headers["content-type"].startswith("application/json")
    assert json.loads(answer.body) == {"error": {"code": 3, "message": answer.reason}}


async def test_id_with_line_ends_cannot_write_headers(emulator: RelayEmulator) -> None:
    answer = await handshake(
        emulator, f"{CONNECT}&sb-hc-id={quote('x' + chr(13) + chr(10) + 'Set-Cookie: a=b')}", auth(sas())
    )

    assert answer.status == 404
    assert "set-cookie" not in answer.headers
    assert answer.headers["trackingid"] == "x??Set-Cookie: a=b_G0"


async def test_unknown_action_is_400(emulator: RelayEmulator) -> None:
    assert (await handshake(emulator, f"/$hc/{NORTH}?sb-hc-action=dance", auth(sas()))).status == 400


async def test_26th_listener_is_refused_and_a_place_becomes_free_again(emulator: RelayEmulator) -> None:
    controls = [await listen(emulator, id=f"listener-{n}") for n in range(25)]
    assert emulator.listener_count("Sites/North/") == 25

    answer = await handshake(emulator, LISTEN, auth(sas("listen")))
    assert answer.status == 429
    assert "MaximumListenersPerEndpoint" in answer.reason

    await controls.pop().close()
    await eventually(lambda: emulator.listener_count(NORTH) == 24)
    controls.append(await listen(emulator))
    await asyncio.gather(*(control.close() for control in controls))


# HTTP requests: the same authorization. How they are carried is in the files of ``test_exchange``.


async def test_http_request_is_authorized_and_refused_in_the_relays_own_name(emulator: RelayEmulator) -> None:
    base = f"http://127.0.0.1:{emulator.port}"
    async with aiohttp.ClientSession() as session:
        for method, target, headers, status, code in [
            ("GET", f"/{NORTH}", {}, 401, 4),
            ("OPTIONS", f"/{NORTH}", {}, 401, 4),
            ("GET", f"/{NORTH}", auth(sas("listen")), 403, 5),
            ("GET", "/sites/west", auth(sas("send", "sites/west")), 404, 3),
            ("GET", f"/{NORTH}/tanks", auth(sas()), 502, 2),
            ("GET", f"/{NORTH}?sb-hc-token={quote(sas(), safe='')}", auth(sas(key="guessed")), 502, 2),
            ("POST", f"/{OPEN}", {}, 502, 2),
        ]:
            async with session.request(method, base + target, headers=headers, data=b"x" * 100_000) as answer:
                assert answer.status == status, target
                assert "Via" not in answer.headers
                assert (await answer.json())["error"]["code"] == code
        async with session.get(f"{base}/{NORTH}", headers=auth(sas())) as answer:
            assert (answer.reason or "").startswith("There are no listeners connected for the endpoint. TrackingId:")


async def test_tokens_and_keys_never_reach_the_log(emulator: RelayEmulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "relay_bridge.emulator")
    caplog.set_level("DEBUG", "aiohttp")
    secret = sas(key="guessed").partition("sig=")[2][:20]
    await handshake(emulator, f"{CONNECT}&sb-hc-token={quote(sas(key='guessed'), safe='')}")
    await handshake(emulator, CONNECT, auth(sas(key="guessed")))
    await handshake(emulator, f"/$hc/{NORTH}?sb-hc-token={quote(sas(key='guessed'), safe='')}\x01")
    async with Stream(emulator):
        pass
    assert "InvalidSasToken" in caplog.text
    assert "NewListenerRegistered" in caplog.text
    assert "SenderListenerConnectionEstablished" in caplog.text
    for unwanted in (secret, quote(secret), "SharedAccessSignature", "send-primary", "listen-primary"):
        assert unwanted not in caplog.text
