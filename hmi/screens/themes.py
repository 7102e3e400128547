"""The three looks of the screens and the cookie that remembers which one a person chose.

Light is the control room's grey, night is for a dark control room, sun for a phone outdoors (no grey look is readable
there). The cookie says a preference and nothing about a person; it lasts a year.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

COOKIE = "theme"
COOKIE_AGE = 365 * 24 * 3600  # seconds


@dataclass(frozen=True)
class Theme:
    """``slug`` is the value of ``data-theme`` and of the cookie; ``bar`` colours the phone's own bar."""

    slug: str
    name: str | Promise
    bar: str


LIGHT = Theme("light", pgettext_lazy("look of the screen", "Light"), "#d3d3d3")
NIGHT = Theme("night", pgettext_lazy("look of the screen", "Night"), "#181818")
SUN = Theme("sun", pgettext_lazy("look of the screen", "Sun"), "#ffffff")
THEMES = (LIGHT, NIGHT, SUN)
_BY_SLUG = {theme.slug: theme for theme in THEMES}


def theme_of(request: HttpRequest) -> Theme:
    """The theme that the request's cookie names; light when it names none that exists."""
    return _BY_SLUG.get(request.COOKIES.get(COOKIE, ""), LIGHT)


def theme_named(slug: str) -> Theme | None:
    return _BY_SLUG.get(slug)


def remember_theme(response: HttpResponse, theme: Theme, *, secure: bool) -> None:
    response.set_cookie(COOKIE, theme.slug, max_age=COOKIE_AGE, secure=secure, httponly=True, samesite="Lax")
