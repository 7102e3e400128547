"""What the server says over a socket in English, the page's script can say in every language: one list, two places."""

from __future__ import annotations

import re

from django.conf import settings

from hmi.live import access_watch, consumers, list_watch, live_socket
from hmi.sites.reasons import KNOWN

ENDINGS = {access_watch.SIGNED_OUT, access_watch.CONFIRMED, access_watch.ENDED_BY_HAND, access_watch.UNCHECKED}
ENDINGS |= {list_watch.TAKEN_BACK, list_watch.CHANGED, live_socket.SILENT}
ENDINGS |= {consumers.TOO_MUCH, consumers.NO_SENSE, consumers.TOO_MANY_OWN, consumers.TOO_MANY}
PAIR = re.compile(r'^  \["(.+)", t\("(.+)"\)\],$', re.MULTILINE)


def test_every_sentence_is_in_the_scripts_list() -> None:
    pairs = PAIR.findall((settings.BASE_DIR / "static/js/said.js").read_text("utf-8"))
    assert all(said == marked for said, marked in pairs)
    assert {said for said, _ in pairs} == KNOWN | ENDINGS
