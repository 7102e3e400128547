"""Bare hands or gloves: how big what is touched must be, and the cookie by which a phone remembers it.

The cookie belongs to the device, not to a person: a tablet in a leather case is used with gloves by whoever takes it.
Sizes: display rules for gloves, 96 CSS px with 16 px between them, numbers of 32 px.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

COOKIE = "hands"
COOKIE_AGE = 365 * 24 * 3600  # seconds
BARE, GLOVES = "bare", "gloves"
HANDS = (BARE, GLOVES)


def hands_of(request: HttpRequest) -> str:
    """``gloves`` where the request's cookie says so, else ``bare``."""
    return GLOVES if request.COOKIES.get(COOKIE) == GLOVES else BARE


def remember_hands(response: HttpResponse, hands: str, *, secure: bool) -> None:
    response.set_cookie(COOKIE, hands, max_age=COOKIE_AGE, secure=secure, httponly=True, samesite="Lax")
