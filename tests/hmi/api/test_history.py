"""History over the API: buckets and samples from a running site, page by page, under the token's own access."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import pytest

from relay_bridge.agent.history.ring_store import Sample
from relay_bridge.contract.history import RAW_PAGE
from relay_bridge.contract.readings import BAD_NO_COMMUNICATION
from tests.hmi.api.conftest import amake_token
from tests.hmi.ingest.terminal import Terminal
from tests.support.oauth_client import bearer

ADDRESS = "/sites/north/history"
LEVEL, OTHER = "TK-101.level", "TK-102.level"
SAMPLES = RAW_PAGE + 100


async def past(terminal: Terminal, tags: tuple[str, ...] = (LEVEL,)) -> int:
    """Samples every second until ten minutes ago, with one bad and one spike; answers when they begin (epoch ms)."""
    recorder = terminal.agent.site.recorder
    start = terminal.agent.site.clock.wall_ms() // 60_000 * 60_000 - 1_800_000
    rows = [Sample(tag, start + 1000 * step, 5.0, 0) for tag in tags for step in range(SAMPLES)]
    rows[10] = rows[10]._replace(v=11.0)
    rows[20] = rows[20]._replace(v=None, q=BAD_NO_COMMUNICATION)
    await recorder.flush()
    await recorder._in_thread(lambda: recorder._store.append(rows, start + 1000 * SAMPLES))
    return start


def iso(ms: int) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).isoformat()


async def pages(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while not found or found[-1]["next_cursor"]:
        more = {"cursor": found[-1]["next_cursor"]} if found else {}
        answer = await api.get(ADDRESS, params=query | more)
        assert answer.status_code == 200, answer.text
        found.append(answer.json())
    return found


async def test_buckets_keep_the_spike_and_say_what_was_bad(api: httpx.AsyncClient, terminal: Terminal) -> None:
    start = await past(terminal)
    query = {"tag": LEVEL, "from": iso(start), "to": iso(start + 600_000), "buckets": "10"}
    (answer,) = await pages(api, **query)
    assert answer["samples"] == [] and answer["missing"] == [] and answer["units"] == {LEVEL: "m"}
    first, *others = answer["buckets"]
    assert len(others) == 9 and (first["minimum"], first["maximum"], first["quality"]) == (5.0, 11.0, "bad")
    assert {(row["minimum"], row["maximum"], row["quality"], row["source"]) for row in others} == {
        (5.0, 5.0, "good", "agent")
    }
    assert dt.datetime.fromisoformat(first["end"]) - dt.datetime.fromisoformat(first["start"]) == dt.timedelta(
        minutes=1
    )


async def test_samples_come_page_by_page_and_none_twice(api: httpx.AsyncClient, terminal: Terminal) -> None:
    start = await past(terminal)
    found = await pages(api, tag=LEVEL, mode="samples", **{"from": iso(start), "to": iso(start + 1000 * SAMPLES)})
    assert len(found) == 2
    samples = [sample for page in found for sample in page["samples"]]
    times = [dt.datetime.fromisoformat(sample["time"]).timestamp() * 1000 for sample in samples]
    assert times == [start + 1000 * step for step in range(SAMPLES)]
    assert samples[20]["value"] is None and samples[20]["quality"]["status"] == "bad"
    assert samples[20]["quality"]["code"] == BAD_NO_COMMUNICATION


async def test_buckets_of_several_tags_come_in_pages_that_fit_a_message(
    api: httpx.AsyncClient, terminal: Terminal
) -> None:
    start = await past(terminal, (LEVEL, OTHER))
    tags = [LEVEL, OTHER, "TK-101.flow", "TK-102.flow"]
    found = await pages(api, tag=tags, buckets="600", **{"from": iso(start), "to": iso(start + 600_000)})
    rows = [row for page in found for row in page["buckets"]]
    assert list(dict.fromkeys(row["tag"] for row in rows)) == tags
    assert len(rows) == 4 * 600


async def test_what_cannot_be_asked_is_refused_in_words(
    api: httpx.AsyncClient, terminal: Terminal, settings: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = {"token": 1000, "person": 1000}
    late = "2026-01-02T00:00:00Z"
    for query, status in (
        ("", 400), ("tag=a b", 400), (f"tag={LEVEL}&from=yesterday", 400), (f"tag={LEVEL}&from=2026-11-23", 400),
        (f"tag={LEVEL}&from=2026-13-01T00:00:00Z", 400), (f"tag={LEVEL}&buckets=0", 400),
        (f"tag={LEVEL}&buckets=601", 400), (f"tag={LEVEL}&mode=raw", 400), (f"tag={LEVEL}&limit=5", 400),
        ("&".join(f"tag=t{number}" for number in range(9)), 400),
        (f"tag={LEVEL}&from={late}&to=2026-01-01T00:00:00Z", 422),
        (f"tag={LEVEL}&from={late}", 422), (f"tag={LEVEL}&to=2999-01-01T00:00:00Z", 422),
        (f"tag={LEVEL}&tag={OTHER}&mode=samples", 422), ("tag=TK-999.level", 404),
        (f"tag={LEVEL}&cursor=zzz", 404), (f"tag={LEVEL}&cursor=", 404), (f"tag={LEVEL}&cursor={'a' * 300}", 404),
    ):  # fmt: skip
        answer = await api.get(f"{ADDRESS}?{query}")
        assert answer.status_code == status, (query, answer.text)
        assert answer.headers["content-type"] == "application/problem+json" and answer.json()["detail"], query


async def test_a_cursor_belongs_to_its_question(api: httpx.AsyncClient, terminal: Terminal) -> None:
    start = await past(terminal)
    query = {"tag": LEVEL, "mode": "samples", "from": iso(start)}
    cursor = (await api.get(ADDRESS, params=query)).json()["next_cursor"]
    assert (await api.get(ADDRESS, params=query | {"cursor": cursor})).status_code == 200
    for other in ({"tag": OTHER}, {"mode": "buckets"}, {"from": iso(start + 1000)}):
        assert (await api.get(ADDRESS, params=query | {"cursor": cursor} | other)).status_code == 404, other


async def test_another_scope_opens_nothing_and_history_alone_is_enough(
    api: httpx.AsyncClient, terminal: Terminal, alice: Any
) -> None:
    live = await amake_token(alice, terminal.site, frozenset({"status:read", "data:live"}))
    refused = await api.get(ADDRESS, params={"tag": LEVEL}, headers=bearer(live))
    assert refused.status_code == 403 and 'scope="data:history"' in refused.headers["www-authenticate"]
    alone = await amake_token(alice, terminal.site, frozenset({"status:read", "data:history"}))
    answer = await api.get(ADDRESS, params={"tag": LEVEL}, headers=bearer(alone))
    assert answer.status_code == 200 and answer.json()["units"] == {}, "units need live values"
    unknown = await api.get(ADDRESS, params={"tag": "TK-999.level"}, headers=bearer(alone))
    assert unknown.status_code == 404


async def test_a_silent_site_is_said_so(api: httpx.AsyncClient, terminal: Terminal) -> None:
    assert (await api.get(ADDRESS, params={"tag": LEVEL})).status_code == 200
    await terminal.stop_agent()
    silent = await api.get(ADDRESS, params={"tag": LEVEL})
    assert silent.status_code == 503 and "North Terminal cannot be reached" in silent.json()["detail"]


@pytest.mark.parametrize(
    "text", ["2026-11-23T14:00:00Z", "2026-11-23t14:00:00.123456789z", "2026-11-23T15:00:00+01:00"]
)
def test_times_are_those_of_rfc_3339(text: str, rf: Any) -> None:
    from hmi.api.history import _moment  # noqa: PLC0415
    from hmi.api.parameters import Query  # noqa: PLC0415

    query = Query(rf.get("/", {"from": text}), frozenset({"from"}))
    assert (_moment(query, "from") or 0) // 1000 == 1_795_442_400
