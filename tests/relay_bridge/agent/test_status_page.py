"""The control-room page: what it shows, whom it serves, and that nothing but its own form turns the switch."""

from __future__ import annotations

import asyncio
import contextlib
import re
from urllib.parse import urlencode

from relay_bridge.agent.mode import read_switch, write_switch
from relay_bridge.agent.status_server import MAX_REQUEST
from relay_bridge.contract.acting import ModePush, SiteMode
from tests.relay_bridge.agent.acting.support import OPEN_HEAD, PLANT, WRITES
from tests.relay_bridge.agent.conftest import RunningSite, Serve
from tests.relay_bridge.agent.support import SOURCE, TANK, SiteFolder

PAGE = '[status]\nlisten = "127.0.0.1:0"'
MAY_OPEN = PAGE + "\nmay_open = true"
FORM = "application/x-www-form-urlencoded"


async def port_of(site: RunningSite) -> int:
    server = site.agent.status_page
    assert server is not None
    async with asyncio.timeout(5):
        await server.listening.wait()
    return server.port


async def ask(port: int, head: str, body: bytes = b"", **headers: str) -> tuple[int, str, str]:
    """Status, head and text of the answer to a request with exactly these headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fields = {"Host": f"127.0.0.1:{port}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if body:
        fields["Content-Length"] = str(len(body))
    lines = [f"{head} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
    writer.write("\r\n".join(lines).encode() + body)
    async with asyncio.timeout(5):
        answer = (await reader.read()).decode()
    writer.close()
    top, _, text = answer.partition("\r\n\r\n")
    return int(top.split()[1]) if top else 0, top, text


async def token_of(port: int) -> str:
    _, _, text = await ask(port, "GET /switch")
    found = re.search(r'name="token" value="([^"]+)"', text)
    assert found is not None
    return found[1]


async def turn(port: int, mode: str, *, token: str | None = None, by: str = "Eva", **headers: str) -> int:
    fields = {"token": await token_of(port) if token is None else token, "mode": mode, "by": by, "why": "pumps"}
    own = {"Origin": f"http://127.0.0.1:{port}", "Content_Type": FORM, "Sec_Fetch_Site": "same-origin"}
    status, _, _ = await ask(port, "POST /switch", urlencode(fields).encode(), **(own | headers))
    return status


async def test_page_is_off_unless_asked_for(serve: Serve) -> None:
    async with serve() as running:
        assert running.agent.status_page is None


async def test_it_shows_how_the_agent_stands(site: SiteFolder, serve: Serve) -> None:
    site.configure(PLANT, WRITES, PAGE, head=OPEN_HEAD)
    async with serve() as running:
        port = await port_of(running)
        await running.web_app()
        running.driver.set_state(2, "<script>alert(1)</script>")
        async with asyncio.timeout(10):
            while "6 of 6 entries are open" not in (text := (await ask(port, "GET /"))[2]):
                await asyncio.sleep(0.05)
        status, head, text = await ask(port, "GET /")
        assert status == 200
        for words in (
            "Switch: <strong>full</strong>",
            "online",
            "is written",
            "main",
            "down",
            "sightline-site/",
            "None.",
        ):
            assert words in text
        report = running.agent.operation.report()
        assert report.state == "down" and f"State: {report.state}" in text  # as sightline-site status says it
        assert report.findings and all(f"<code>{finding.code}</code>" in text for finding in report.findings)
        assert "&lt;script&gt;" in text and "<script" not in text
        assert "default-src 'none'" in head and "no-store" in head and "frame-ancestors 'none'" in head
        for secret in ("bGlzdGVuLWtleQ", "PRIVATE", "SharedAccessKey="):
            assert secret not in text


async def test_button_closes_and_every_session_hears_of_it(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, PAGE)
    async with serve() as running:
        port = await port_of(running)
        web_app = await running.web_app()
        assert await turn(port, "read-only") == 303
        push = await web_app.next_push(ModePush)
        assert (push.mode.mode, push.mode.by, push.mode.why) == ("read-only", "Eva (control room)", "pumps")
        assert await turn(port, "full") == 403  # this page only closes
        assert await turn(port, "off") == 303
        assert await turn(port, "read-only") == 403
        assert read_switch(running.agent.site.switch.folder).mode == "off"
        assert "Eva (control room)" in (await ask(port, "GET /"))[2]


async def test_it_opens_where_the_site_allows_it(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, MAY_OPEN)
    async with serve() as running:
        port = await port_of(running)
        write_switch(running.agent.site.switch.folder, SiteMode("off", "Eva", 1, ""))
        assert await turn(port, "full") == 303
        assert running.agent.site.switch.mode.mode == "full"


async def test_nothing_but_its_own_form_turns_the_switch(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, MAY_OPEN)
    async with serve() as running:
        port = await port_of(running)
        foreign = [
            {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": f"https://127.0.0.1:{port}"},
            {"Origin": f"http://localhost:{port}"}, {"Origin": "http://127.0.0.1:1"}, {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "none"},
        ]  # fmt: skip
        for headers in foreign:
            assert await turn(port, "off", **headers) == 403, headers
        for token in ("", "x" * 43, "é"):
            assert await turn(port, "off", token=token) == 403
        assert await turn(port, "off", Content_Type="text/plain") == 400
        assert await turn(port, "off", by=" ") == 400
        assert await turn(port, "open") == 400
        for method in ("PUT", "DELETE", "OPTIONS"):
            assert (await ask(port, f"{method} /switch"))[0] == 405
        assert (await ask(port, "GET /switch?mode=off"))[0] == 200
        assert (await ask(port, "GET /nothing"))[0] == 404
        assert running.agent.site.switch.look() == SiteMode()


STRANGE_HOSTS = (
    "evil.example", "127.0.0.1", "127.0.0.1:1", "", "localhost.evil.example:{port}", "127.0.0.1:{port}.evil", "[::]",
)  # fmt: skip


async def test_name_that_was_bound_anew_is_not_served(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, PAGE)
    async with serve() as running:
        port = await port_of(running)
        for host in STRANGE_HOSTS:
            status, _, text = await ask(port, "GET /", Host=host.format(port=port))
            assert status in {400, 421} and "Switch" not in text
        for own in (f"localhost:{port}", f"[::1]:{port}"):
            assert (await ask(port, "GET /", Host=own))[0] == 200


async def test_what_is_no_request_is_ended(site: SiteFolder, serve: Serve) -> None:
    site.configure(SOURCE, TANK, PAGE)
    async with serve() as running:
        port = await port_of(running)
        for data in (
            b"\x16\x03\x01\x02\x00",
            b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_REQUEST,
            b"GET\r\n\r\n",
            b"A" * 20000,
            b"CONNECT evil.example:1 HTTP/1.1\r\nHost: evil.example:1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            async with asyncio.timeout(5):
                answer = b""
                with contextlib.suppress(ConnectionError):
                    answer = await reader.read()
                assert not answer or answer.startswith(b"HTTP/1.1 400")
            writer.close()
        twice = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: evil.example\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(twice.encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 421")
        writer.close()
        assert (await ask(port, "GET /"))[0] == 200


async def test_port_that_is_taken_stops_nothing(site: SiteFolder, serve: Serve) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        site.configure(SOURCE, TANK, f'[status]\nlisten = "127.0.0.1:{server.sockets[0].getsockname()[1]}"')
        async with serve() as running:
            assert (await (await running.web_app(hello=False)).hello()).site == "north"
