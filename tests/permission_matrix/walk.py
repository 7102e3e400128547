"""The walk's five people and how each knocks at a door; and the readable tables of what each must get.

owner     staff with every permission, and holds a role with every scope at North
admin     a superuser; holds nothing at any site
reader    holds the role viewer at North, no more
stranger  is signed in and holds nothing
nobody    is not signed in
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.assurance import AMR, STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.models import Role
from hmi.sites.models import Site
from relay_bridge.contract.scopes import SCOPES
from tests.hmi.live.people import sign_in
from tests.hmi.sites.people import give, make_person

HERE = Path(__file__).parent
PEOPLE = ("owner", "admin", "reader", "stranger", "nobody")
SIGN_IN, CONFIRM, DESK = "/sign-in/", "/confirm/", "/admin/login/"
WRITING = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|REPLACE)\b[^\"]*\"(\w+)\"", re.IGNORECASE)
_sources = itertools.count(1)


class Door(NamedTuple):
    """One line of a table: ``get`` and ``post`` by person; ``notes`` are what this door may do that others may not."""

    address: str
    get: tuple[str, ...]
    post: tuple[str, ...]
    notes: frozenset[str]


@dataclass
class Knock:
    """What one request came to. ``writes``: the tables that it wrote to, sessions apart."""

    answer: str
    status: int
    writes: set[str] = field(default_factory=set)


def read_table(name: str) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Lines ``key | words | words | ...`` of a table beside this file; ``#`` begins a comment. Keys are unique."""
    rows: dict[str, tuple[tuple[str, ...], ...]] = {}
    for number, line in enumerate((HERE / name).read_text(encoding="utf-8").splitlines(), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        key, *cells = (cell.strip() for cell in text.split("|"))
        key = "" if key == "(root)" else key
        assert key not in rows, f"{name}, line {number}: {key} stands twice."
        rows[key] = tuple(tuple(cell.split()) for cell in cells)
    return rows


def doors() -> dict[str, Door]:
    made = {}
    for address, (get, post, *notes) in read_table("doors.txt").items():
        assert len(get) == len(post) == len(PEOPLE), f"doors.txt, {address}: one word for each of {', '.join(PEOPLE)}."
        made[address] = Door(address, get, post, frozenset(notes[0]) if notes else frozenset())
    return made


def addresses(resolver: Any = None, before: str = "") -> Iterator[str]:
    """Every address that the web app answers, as the resolver writes it; generated alternatives are left out."""
    for pattern in (resolver or get_resolver()).url_patterns:
        whole = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern, whole)
        else:
            assert isinstance(pattern, URLPattern)
            yield re.sub(r"\^?\(\?P(<\w+>)[^()]*\)(/?)(?:\\Z|\$)", r"\1\2", whole)


def sample(address: str, values: dict[str, str]) -> str:
    """The address with something real in each gap; ``values`` by ``FOLDER:NAME`` or by ``NAME``."""

    def fill(match: re.Match[str]) -> str:
        name = match.group(1).rpartition(":")[2]
        folder = "/".join(address.split("/")[:3])
        value = values.get(f"{folder}:{name}", values.get(name))
        assert value is not None, f"Nothing is known to stand for <{name}> in {address}: add it to the walk's samples."
        return value

    return "/" + re.sub(r"<([\w:]+)>", fill, address)


def make_people(north: Site) -> dict[str, tuple[Any, Any]]:
    """The person and the session of each; nobody has neither. Everybody has just shown a second factor."""
    Role.objects.create(name="everything", slug="everything", scopes=" ".join(SCOPES), default_days=7)
    made: dict[str, tuple[Any, Any]] = {"nobody": (None, None)}
    for name, role in (("owner", "everything"), ("admin", None), ("reader", "viewer"), ("stranger", None)):
        facts = {"is_staff": name in {"owner", "admin"}, "is_superuser": name == "admin"}
        person = make_person(name, email=f"{name}@example.com", **facts)
        if role is not None:
            give(person, role, north)
        if name == "owner":
            person.user_permissions.set(Permission.objects.all())
        session = sign_in(person)
        session[AMR] = ["pwd", "otp", "mfa"]
        session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time()), ["otp"]
        session.save()
        made[name] = person, session
    return made


def knock(method: str, path: str, session: Any, *, forged: bool = False) -> Knock:
    """One request in a transaction that is rolled back, so that each finds the same house.

    ``forged``: as another web page would send it, with the cookie and without the form's token. Every request comes
    from a source of its own: the limits on sources are tested elsewhere.
    """
    number = next(_sources)
    client = Client(enforce_csrf_checks=forged, raise_request_exception=False)
    client.cookies.clear()
    if session is not None:
        client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    written: set[str] = set()

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found = WRITING.match(sql)
        if found:
            written.add(found.group(1))
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(watch):
        source = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        response = client.generic(method, path, REMOTE_ADDR=source) if method != "POST" else client.post(
            path, REMOTE_ADDR=source
        )  # fmt: skip
        transaction.set_rollback(True)
    return Knock(words_of(response), response.status_code, written - {"django_session"})


def words_of(response: HttpResponse) -> str:
    """``in``, ``confirm``, ``desk``: sent to the sign-in page, to confirm who it is, to where only staff get on.

    Otherwise the status.
    """
    target = response.headers.get("Location", "")
    if response.status_code in {302, 303}:
        for word, where in (("in", SIGN_IN), ("confirm", CONFIRM), ("desk", DESK)):
            if target.startswith(where):
                return word
    return str(response.status_code)


def compare(expected: Iterable[str], found: Iterable[str], what: str) -> list[str]:
    """A sentence for each person who got something else."""
    return [
        f"{what} for {person}: {got}, but the table says {wanted}."
        for person, wanted, got in zip(PEOPLE, expected, found, strict=True)
        if wanted != got
    ]
