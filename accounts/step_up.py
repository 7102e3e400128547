"""Step-up: "confirm it is you" with a passkey or an authenticator app, good for five minutes. A password never counts.

    @step_up_required
    def write_setpoint(request): ...

sends the person to /confirm/ and back. ``has_stepped_up`` alone answers without sending anywhere. It rests on the
session (accounts.assurance: ``stepped_up_at``, ``stepped_up_with``), which gets a new key each time.
A sign-in with two factors counts as the first confirmation, for it asked for the same thing a moment ago.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect

from accounts.assurance import HARDWARE_KEY, ONE_TIME_CODE, SOFTWARE_KEY, read_assurance

STRONG = (HARDWARE_KEY, SOFTWARE_KEY, ONE_TIME_CODE)  # neither a password nor a recovery code


def strong_methods(methods: Iterable[str]) -> list[str]:
    """Those of ``methods`` that count as confirming."""
    return [method for method in methods if method in STRONG]


def has_stepped_up(request: HttpRequest, now: float | None = None) -> bool:
    """Whether this session's person confirmed within the last five minutes; ``now`` in seconds since the epoch."""
    now = time.time() if now is None else now
    return bool(request.user.is_authenticated) and read_assurance(request.session).is_stepped_up(now)


ahas_stepped_up = sync_to_async(has_stepped_up)


def step_up_required(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let nobody into ``view``, synchronous or not, who did not confirm within the last five minutes."""
    if iscoroutinefunction(view):

        @wraps(view)
        async def guarded_later(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if await ahas_stepped_up(request):
                return await view(request, *args, **kwargs)
            return to_confirm(request)

        return guarded_later

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs) if has_stepped_up(request) else to_confirm(request)

    return guarded


def to_confirm(request: HttpRequest) -> HttpResponse:
    """Send the whole page to /confirm/, which comes back to where the person was."""
    address = f"{resolve_url('accounts:confirm')}?{urlencode({'next': return_path(request)})}"
    if getattr(request, "htmx", False):  # a piece of a page was asked for: the page as a whole must go
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address, status=303)


def return_path(request: HttpRequest) -> str:
    """The page to come back to: the one that was asked for, or the one whose form was sent.

    A sent form is not sent again after confirming: the person looks at it once more and presses the button.
    """
    htmx = getattr(request, "htmx", None)
    if htmx:
        return htmx.current_url_abs_path or resolve_url(settings.LOGIN_REDIRECT_URL)
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    referrer = urlsplit(request.headers.get("Referer", ""))
    if f"{referrer.scheme}://{referrer.netloc}" == settings.PUBLIC_URL:
        return referrer.path + (f"?{referrer.query}" if referrer.query else "")
    return resolve_url(settings.LOGIN_REDIRECT_URL)
