"""From a view to a site's values: the real relay, the real agent, the real tokens, on loopback."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from hmi.sites import gateway as gateway_module
from hmi.sites.errors import AccessEnded, SiteRefused, SiteUnreachable
from hmi.sites.gateway import Gateway
from hmi.sites.models import Grant
from relay_bridge.contract.readings import Reading
from tests.hmi.sites.running_site import RunningSite, access_of, run_site, sessions, until

pytestmark = pytest.mark.django_db(transaction=True)


async def test_catalog_and_readings_come_from_the_site(running: RunningSite, gateway: Gateway, alice: Any) -> None:
    access = await access_of(alice, running)

    catalog = await gateway.catalog(access)
    readings = await gateway.read(access, [tag.id for tag in catalog.tags])

    assert catalog.areas == ("North farm", "South farm")
    assert [asset.id for asset in catalog.tanks] == ["TK-101", "TK-102"]
    level = catalog.tag_of("TK-101", "level")
    assert level is not None
    assert (level.id, level.lim.hh if level.lim else None) == ("TK-101.level", 14.0)
    assert {tag: reading.value for tag, reading in readings.items()} == {
        "TK-101.level": 12.345, "TK-101.flow": 180.0, "TK-102.level": 3.5,
    }  # fmt: skip
    assert all(isinstance(reading, Reading) and reading.quality == 0 for reading in readings.values())
    assert await gateway.read(access, []) == {}


async def test_capabilities_are_those_of_the_sites_sources(running: RunningSite, gateway: Gateway, alice: Any) -> None:
    access = await access_of(alice, running)
    assert await gateway.capabilities(access) == {"read", "subscribe"}
    await gateway.read(access, ["TK-101.level"])
    assert sessions(running) == 1, "over the one session that calls use too"


async def test_all_calls_share_one_session_and_a_person_one_token(
    running: RunningSite, gateway: Gateway, alice: Any, bob: Any
) -> None:
    accesses = [await access_of(alice, running), await access_of(bob, running)]
    answers = await asyncio.gather(*(gateway.read(access, ["TK-101.level"]) for access in accesses * 40))

    assert len(answers) == 80
    assert sessions(running) == 1
    (line,) = gateway._lines.values()
    assert line.current is not None
    assert len(line.current.tokens.keys) == 2


async def test_catalog_is_asked_for_again_only_after_a_while(
    running: RunningSite, gateway: Gateway, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = await access_of(alice, running)
    first = await gateway.catalog(access)
    await running.stop_agent()
    assert await gateway.catalog(access) is first
    # Unreachable and due: names and limits are still good to draw a page with.
    monkeypatch.setattr(gateway_module, "REVALIDATE", 0.0)
    assert await gateway.catalog(access) is first
    await running.start_agent()
    assert await gateway.catalog(access) is first  # the same hash: nothing was sent again


async def test_changed_catalog_is_read_anew_page_by_page(
    running: RunningSite, gateway: Gateway, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = await access_of(alice, running)
    before = await gateway.catalog(access)
    await running.stop_agent()
    many = "".join(
        f'\n[[tank]]\nid = "X-{number}"\nsource = "main"\narea = "Far"\nmap = {{ level = "L", flow = "F" }}\n'
        for number in range(300)
    )
    site_file = running.folder / "site.toml"
    site_file.write_text(site_file.read_text() + many)
    await running.start_agent()
    monkeypatch.setattr(gateway_module, "REVALIDATE", 0.0)

    after = await gateway.catalog(access)

    assert after.hash != before.hash
    assert (len(after.assets), len(after.tags)) == (302, 603)
    readings = await gateway.read(access, [tag.id for tag in after.tags])  # four messages of 200 at most
    assert len(readings) == 603


async def test_absent_agent_is_told_within_the_deadline_and_back_without_a_restart(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    await running.stop_agent()

    begun = time.monotonic()
    with pytest.raises(SiteUnreachable, match="North Terminal cannot be reached") as caught:
        await gateway.read(access, ["TK-101.level"])
    assert time.monotonic() - begun < 2.3
    assert (caught.value.site, caught.value.retryable) == ("North Terminal", True)

    await running.start_agent()
    assert (await gateway.read(access, ["TK-101.level"]))["TK-101.level"].value == 12.345


async def test_silent_relay_costs_two_seconds_and_no_more(running: RunningSite, gateway: Gateway, alice: Any) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    running.relay.faults.freeze()
    begun = time.monotonic()
    with pytest.raises(SiteUnreachable, match="agent does not answer") as caught:
        await gateway.read(access, ["TK-101.level"])
    assert 1.9 < caught.value.waited <= time.monotonic() - begun < 2.3
    running.relay.faults.thaw()
    assert await gateway.read(access, ["TK-101.level"])


async def test_what_the_site_does_not_offer_is_refused_in_words(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running)
    with pytest.raises(SiteRefused) as caught:
        await gateway.read(access, ["TK-999.level"])
    assert caught.value.code == "not_found"
    with pytest.raises(SiteRefused, match="too_large"):
        await gateway.read(access, [f"t{number}" for number in range(2001)])


# --- access on the path ----------------------------------------------------------------------------------------------


async def test_role_without_live_data_is_refused_before_anything_is_sent(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running, "auditor")
    for call in (gateway.read(access, ["TK-101.level"]), gateway.catalog(access)):
        with pytest.raises(SiteRefused, match="see live values"):
            await call
    assert sessions(running) == 0


async def test_revoked_access_reads_nothing_more_even_when_it_was_kept(
    running: RunningSite, gateway: Gateway, alice: Any
) -> None:
    access = await access_of(alice, running)
    await gateway.read(access, ["TK-101.level"])
    await sync_to_async(lambda: Grant.objects.get(pk=access.grant_id).revoke())()
    (line,) = gateway._lines.values()
    assert line.current is not None
    tokens = line.current.tokens
    await until(lambda: not tokens._places)  # the bell rang in another thread

    with pytest.raises(AccessEnded, match="withdrawn"):
        await gateway.read(access, ["TK-101.level"])


async def test_two_sites_never_mix(running: RunningSite, gateway: Gateway, alice: Any, tmp_path: Path) -> None:
    tags = '\n[[source]]\nid = "main"\nkind = "memory"\nvalues = { "TK-101.level" = 7.0 }\n' + (
        '\n[[tank]]\nid = "TK-101"\nsource = "main"\narea = "A"\nmap = { level = "L" }\n'
    )
    async with run_site(running.relay, tmp_path, "south", tags) as south:
        accesses = {12.345: await access_of(alice, running), 7.0: await access_of(alice, south)}
        for _ in range(20):
            for value, access in accesses.items():
                assert (await gateway.read(access, ["TK-101.level"]))["TK-101.level"].value == value
        assert len((await gateway.catalog(accesses[7.0])).tags) == 1
        assert len((await gateway.catalog(accesses[12.345])).tags) == 3


async def test_relay_carries_no_name_no_value_and_no_token_in_clear(
    running: RunningSite, gateway: Gateway, alice: Any, tmp_path: Path
) -> None:
    access = await access_of(alice, running)
    await gateway.catalog(access)
    await gateway.read(access, ["TK-101.level"])
    await gateway.close()
    await running.stop_agent()
    carried = b"".join(path.read_bytes() for path in (tmp_path / "record").rglob("*") if path.is_file())
    assert len(carried) > 2000
    for secret in (b"TK-101", b"12.345", b"eyJ", b"alice", str(alice.subject).encode(), b"North farm"):
        assert secret not in carried
