"""The web app as a program to be measured, which also makes changes of access in its own process::

    python -m benchmarks.revocation_web PORT

Daphne, as in operation. Orders come on standard input (worker.py): each change is an ordinary save by the models that
the administration pages use; the answer says when it was committed, in epoch seconds.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.programs import LOOPBACK


def main() -> None:
    import django  # noqa: PLC0415 - its settings are in the environment

    django.setup()
    threading.Thread(target=_take_orders, name="orders", daemon=True).start()
    from daphne.cli import CommandLineInterface  # noqa: PLC0415

    CommandLineInterface().run(["-b", LOOPBACK, "-p", sys.argv[1], "--websocket_timeout", "-1", "hmi.asgi:application"])


def _take_orders() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        try:
            answer = {} if order["do"] == "begin" else {"at": _change(order["do"], order)}
        except Exception as error:  # whoever gave the order is told
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(f"answer {order['n']} {json.dumps(answer)}", flush=True)
    os._exit(0)  # whoever started this program is gone; daphne has nothing to put away


def _change(way: str, order: dict[str, Any]) -> float:
    from django.db import transaction  # noqa: PLC0415

    do = CHANGES[way](order)
    committed: list[float] = []
    with transaction.atomic():
        transaction.on_commit(lambda: committed.append(time.time()))  # before anybody else hears of it
        do()
    return committed[0]


# Each prepares one change and answers the function that makes it.


def _edit_grant(order: dict[str, Any]) -> Callable[[], Any]:
    from hmi.sites.models import Grant  # noqa: PLC0415

    grant = Grant.objects.get(pk=order["grant"])
    grant.valid_until -= dt.timedelta(hours=1)
    return grant.save


def _disable_person(order: dict[str, Any]) -> Callable[[], Any]:
    person = _person(order)
    person.is_active = False
    return person.save


def _set_password(order: dict[str, Any]) -> Callable[[], Any]:
    person = _person(order)
    person.set_password("measured grey herons stand")
    return person.save


def _reset_factors(order: dict[str, Any]) -> Callable[[], Any]:
    from accounts.factors import reset_factors  # noqa: PLC0415

    person = _person(order)
    return lambda: reset_factors(person)


def _end_session(order: dict[str, Any]) -> Callable[[], Any]:
    from accounts.sessions import end_sessions  # noqa: PLC0415

    return lambda: end_sessions([order["session"]])


def _change_role(order: dict[str, Any]) -> Callable[[], Any]:
    from accounts.models import Role  # noqa: PLC0415

    role = Role.objects.get(pk=order["role"])
    role.scopes = "status:read data:live"
    return role.save


def _switch_site(order: dict[str, Any]) -> Callable[[], Any]:
    from hmi.sites.models import Site  # noqa: PLC0415

    site = Site.objects.get(pk=order["site"])
    site.enabled = order["on"]
    return site.save


def _person(order: dict[str, Any]) -> Any:
    from accounts.models import User  # noqa: PLC0415

    return User.objects.get(pk=order["person"])


CHANGES: dict[str, Callable[[dict[str, Any]], Callable[[], Any]]] = {
    "edited": _edit_grant,
    "disabled": _disable_person,
    "password": _set_password,
    "factors": _reset_factors,
    "session": _end_session,
    "role": _change_role,
    "site": _switch_site,
}

if __name__ == "__main__":
    main()
