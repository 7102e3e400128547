"""``hist``: what a tag was, as buckets of minimum, maximum and average or as the samples themselves."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from relay_bridge.contract.shape import Cursor, Ms, Strict, TagId

MAX_HISTORY_TAGS = 8
MAX_BUCKETS = 600
MAX_SPAN_MS = 31 * 24 * 3600 * 1000
RAW_PAGE = 500  # samples of one raw page
MAX_SAMPLES = 20_000  # raw samples that are read for one tag to make buckets of
# Quality of a bucket: 0 good, 1 holds uncertain samples, 2 holds bad ones, 3 no sample at all.
BUCKET_GOOD, BUCKET_UNCERTAIN, BUCKET_BAD, BUCKET_EMPTY = "0", "1", "2", "3"

HistorySource = Literal["aggregate", "raw", "ring"]


class Hist(Strict, frozen=True, rename={"start": "from", "end": "to"}):
    """History of ``tags`` from ``start`` (inclusive) to ``end`` (exclusive), both epoch ms.

    ``mma``: at most ``n`` buckets a tag, whose edges are multiples of their width since the epoch. ``raw``: pages of
    one tag's samples, ``cur`` where the last page ended.
    """

    tags: Annotated[list[TagId], Meta(min_length=1, max_length=MAX_HISTORY_TAGS)]
    start: Ms
    end: Ms
    n: Annotated[int, Meta(ge=1, le=MAX_BUCKETS)] = 300
    mode: Literal["mma", "raw"] = "mma"
    cur: Cursor | None = None


class Buckets(Strict, frozen=True):
    """One tag's buckets as columns; ``None`` where a bucket has no usable sample.

    Bucket i covers [t0 + i*dt, t0 + (i+1)*dt) ms. ``q``: one digit a bucket (``BUCKET_GOOD``...). ``src`` says where it
    comes from: the source's own aggregates, its raw samples, or the agent's ring. ``cut``: the source had more samples
    than the agent reads for one answer, so the newest part is missing and its buckets are empty.
    """

    t0: int
    dt: int
    lo: list[float | None]
    hi: list[float | None]
    av: list[float | None]
    q: str
    src: HistorySource
    cut: bool = False


class Samples(Strict, frozen=True):
    """One page of samples, oldest first: ``[dt, value, quality = 0]``, time = t0 + dt ms."""

    t0: int
    d: list[list[Any]]
    src: HistorySource


class HistAnswer(Strict, frozen=True):
    """By tag: ``b`` for ``mma``, ``s`` for ``raw``, ``bad`` the StatusCode of none; ``cur``: more follows."""

    t: int
    b: dict[str, Buckets] = {}
    s: dict[str, Samples] = {}
    bad: dict[str, int] = {}
    cur: Cursor | None = None
