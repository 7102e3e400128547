"""Who is acting right now: the request that is being answered, or the name that a command or a program gave.

Signals carry no request; without this, an event recorded from one could not say who did it.
"""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

_request: ContextVar[HttpRequest | None] = ContextVar("audit_request", default=None)
_program: ContextVar[str] = ContextVar("audit_program", default="")


@contextlib.contextmanager
def answering(request: HttpRequest | None) -> Iterator[None]:
    """Events recorded inside belong to this request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


@contextlib.contextmanager
def acting_as(name: str = "") -> Iterator[None]:
    """Events recorded inside without a person carry ``name``, by default the account that runs the command."""
    token = _program.set(name or command_line_user())
    try:
        yield
    finally:
        _program.reset(token)


def current_request() -> HttpRequest | None:
    return _request.get()


def current_person() -> Any:
    """The signed-in person whose request is being answered, or None."""
    request = _request.get()
    user = getattr(request, "user", None)
    return user if user is not None and user.is_authenticated else None


def current_program() -> str:
    return _program.get()


def command_line_user() -> str:
    """The account under which this program runs."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        name = "unknown account"
    return f"{name} (command line)"
