"""Speaks to each person in their language: the one they chose, else the device's choice, else the browser's wish.

And shows values in the units that they chose (unit_choice.py).

The choice belongs to the person and goes along to every device. A cookie holds it too, for the sign-in page, which
does not know yet who is there; it says a language and nothing about a person.
"""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation

from accounts.preferences import remember_language
from accounts.two_way_middleware import TwoWayMiddleware
from hmi.languages.choices import CODES
from hmi.languages.unit_choice import units_of


class LanguageMiddleware(TwoWayMiddleware):
    """Activates language and units for the request, and says in the answer which language it speaks."""

    def answer(self, request: HttpRequest) -> HttpResponseBase:
        with translation.override(_language_of(request, request.user)), units_of(request.user):
            return _told(request, self.get_response(request))

    async def answer_later(self, request: HttpRequest) -> HttpResponseBase:
        person = await request.auser()
        with translation.override(_language_of(request, person)), units_of(person):
            return _told(request, await self.get_response(request))


def _language_of(request: HttpRequest, person: object) -> str:
    chosen = getattr(person, "language", "")
    if chosen in CODES:
        return chosen
    return translation.get_language_from_request(request)  # the cookie, then Accept-Language, then English


def _told(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    spoken = translation.get_language() or settings.LANGUAGE_CODE
    response.headers.setdefault("Content-Language", spoken)
    chosen = getattr(request.user, "language", "")
    if chosen in CODES and request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) != chosen:
        remember_language(response, chosen)
    return response
