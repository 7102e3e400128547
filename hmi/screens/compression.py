"""Pages go compressed to the phone, but never where somebody else could learn from their length what is in them.

BREACH (CVE-2013-3587) needs three things: a compressed answer with text of the attacker's and a secret in it, and many
such answers whose length the attacker sees. Here (docs/screens.md, *Weight*): only pages of plant data are compressed,
never those of sign-in, second factors, consent and administration; only when the browser says that this site or the
person itself asked (Fetch Metadata, ``Sec-Fetch-Site``); and never an answer to an address with free text (search
words), which the page would show again. CSRF tokens are masked anew in every answer, and Django adds up to 100 random
bytes to each.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

PAGES_OF_DATA = frozenset({"alarms", "lists", "notes", "screens", "shifts"})  # by the names of their addresses' apps
TYPES = ("text/html", "application/json")
ASKED_BY_US = frozenset({"same-origin", "none"})  # a page of ours, or the person by address bar, bookmark, home screen
CHOICES = frozenset({"order", "area", "show", "tags", "span", "from", "to", "wait"})  # parameters that are no free text


class PageCompressionMiddleware(GZipMiddleware):
    """gzip for whole pages and parts of pages; streams (CSV) go as they are."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return super().process_response(request, response) if may_compress(request, response) else response


def may_compress(request: HttpRequest, response: HttpResponseBase) -> bool:
    """False where the length of the answer could tell somebody else something, or where it is not worth it."""
    place = request.resolver_match
    if place is None or not PAGES_OF_DATA.intersection(place.app_names):
        return False
    if response.streaming or response.status_code != 200:
        return False
    if not response.headers.get("Content-Type", "").startswith(TYPES):
        return False
    asked_by = request.headers.get("Sec-Fetch-Site")
    if asked_by is None:  # a browser before 2023: only what takes nothing from its address
        return request.method == "GET" and not request.GET
    return asked_by in ASKED_BY_US and CHOICES.issuperset(request.GET)
