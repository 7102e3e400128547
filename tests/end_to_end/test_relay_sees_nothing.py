"""Everything that the relay carried in these tests is searched for what it must not know (T03, bar 2)."""

from __future__ import annotations

import json
import re
import struct

from playwright.sync_api import Page

from tests.support.demo import Demo, wait_for
from tests.support.phone import all_live, tags


def test_no_tag_value_name_or_token_in_what_the_relay_carried(operator: Page, demo: Demo) -> None:
    operator.goto(f"{demo.url}/sites/demo/")
    wait_for(lambda: all_live(operator), "overview live", within=20)
    values: set[str] = set()
    names: set[str] = set()
    for _ in range(5):
        for each in tags(operator):
            names.add(each["tag"])
            if re.fullmatch(r"-?\d+\.\d{3,}", each["text"]):
                values.add(each["text"])
        operator.wait_for_timeout(1000)
    people = json.loads((demo.directory / "credentials.json").read_text())
    carried = b"".join(path.read_bytes() for path in sorted(demo.record.rglob("*")) if path.is_file())
    assert len(carried) > 20_000, "the recording is empty: nothing was proven"
    assert len(names) >= 12
    assert len(values) >= 12
    forbidden = {name.encode() for name in names} | {value.encode() for value in values}
    forbidden |= {person["username"].encode() for person in people}
    forbidden |= {person["password"].encode() for person in people}
    forbidden |= {b"at+jwt", b'"m":', b'"tags"', b"TK-101", b"North farm"}
    # IEEE-754 forms of known values, both byte orders.
    for value in list(values)[:50]:
        forbidden |= {struct.pack("<d", float(value)), struct.pack(">d", float(value))}
    # Any JSON Web Token: three letters alone would turn up in ciphertext by chance, a token's header is far longer.
    assert not re.search(rb"eyJ[A-Za-z0-9_-]{16}", carried)
    found = [needle for needle in forbidden if needle in carried]
    assert not found
