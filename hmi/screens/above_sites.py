"""The strip and the alarm banner of pages above the sites: search, favourites, access, a person's account, the trail.

The account pages know nothing of sites: their templates extend ``screens/above_page.html``, which asks the context
processor for ``above``. Only then, once a page, one query finds the person's sites. An async view cannot be asked that
way (its templates are drawn on the event loop, where no query may run): it gives its templates ``above`` itself.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.http import HttpRequest

from hmi.live.clock import now_ms
from hmi.live.first_paint import link_summary
from hmi.screens.contexts import above_context
from hmi.sites.access import SiteAccess, sites_for


def above_of(request: HttpRequest) -> dict[str, Any] | None:
    """For the templates of plain views; None while nobody is signed in, a half-finished sign-in included."""
    person = getattr(request, "user", None)
    if person is None or not person.is_authenticated:
        return None
    return async_to_sync(above)(sites_for(person, session=request.session))


async def above(accesses: list[SiteAccess]) -> dict[str, Any]:
    """From the person's ``accesses``, as they are known now; nothing here waits for a site, and no link is started:
    the page's socket does that."""
    summaries = {access.site.slug: link_summary(access) for access in accesses}
    return above_context(accesses, summaries, now_ms())
