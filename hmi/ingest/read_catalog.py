"""Reading a site's catalog over a link's session, page by page, and only when it changed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, TypeVar

import msgspec

from hmi.sites.catalog import MAX_TAGS, Catalog
from relay_bridge.contract.messages import MAX_TAGS as TAGS_A_PAGE
from relay_bridge.contract.messages import CatalogAnswer, CatalogQuery

MAX_PAGES = MAX_TAGS // TAGS_A_PAGE + 1

_T = TypeVar("_T", bound=msgspec.Struct)


class Ask(Protocol):
    """One call of the process API."""

    def __call__(self, method: str, parameters: msgspec.Struct, shape: type[_T]) -> Awaitable[_T]: ...


async def read_catalog(ask: Ask, known: Catalog | None) -> Catalog:
    """The catalog as it is now; ``known`` itself when it has not changed.

    ``ValueError`` when the pages do not fit together, or are too many.
    """
    page = await ask("catalog", CatalogQuery(have=known.hash if known else None), CatalogAnswer)
    if page.same and known is not None:
        return known
    pages = [page]
    while page.cur is not None:
        if len(pages) >= MAX_PAGES:
            raise ValueError(f"the catalog has more than {MAX_PAGES} pages")
        page = await ask("catalog", CatalogQuery(cur=page.cur), CatalogAnswer)
        pages.append(page)
    return Catalog.from_pages(pages)
