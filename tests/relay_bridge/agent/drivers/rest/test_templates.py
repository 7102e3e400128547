"""Whatever stands for a placeholder, the request goes where the configuration says."""

from __future__ import annotations

import json
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay_bridge.agent.drivers.rest.problems import SettingsError
from relay_bridge.agent.drivers.rest.templates import check_body, check_template, fill_body, fill_path, fill_pointer

TEMPLATE = "/api/tags/{id}/value?path={id}&x=1"


@given(st.text(min_size=1, max_size=200).filter(lambda text: text not in {".", ".."}))
def test_an_id_can_become_nothing_but_an_id(text: str) -> None:
    path = fill_path(TEMPLATE, {"id": text})
    parts = urlsplit("https://host" + path)
    assert path.isascii() and path.isprintable() and " " not in path
    assert parts.netloc == "host" and parts.path.count("/") == 4 and parts.path.startswith("/api/tags/")
    assert parts.query.count("&") == 1 and parts.query.endswith("&x=1") and parts.fragment == ""
    assert unquote(parts.path.split("/")[3]) == text.encode("utf-8", "replace").decode()


@pytest.mark.parametrize("text", [".", ".."])
def test_an_id_of_dots_could_leave_its_folder(text: str) -> None:
    with pytest.raises(SettingsError):
        fill_path(TEMPLATE, {"id": text})


def test_a_request_line_has_a_bound() -> None:
    with pytest.raises(SettingsError, match="longer than 4000"):
        fill_path(TEMPLATE, {"id": "/" * 2000})


@given(st.text() | st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_value_in_a_body_stays_a_value(value: object) -> None:
    body = {"w": [{"id": "{id}", "v": "{value}", "note": "x {value} y"}], "fixed": 1}
    made = json.loads(fill_body(body, {"id": 'a"},{"b', "value": value}))
    text = value if isinstance(value, str) else json.dumps(value)
    clean = value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
    assert made["w"][0]["id"] == 'a"},{"b' and made["fixed"] == 1 and len(made["w"]) == 1
    assert made["w"][0]["v"] == clean and type(made["w"][0]["v"]) is type(value)
    assert made["w"][0]["note"] == f"x {text} y".encode("utf-8", "replace").decode()


def test_a_placeholder_in_a_value_is_text() -> None:
    assert json.loads(fill_body("{value}", {"id": "secret", "value": "{id}"})) == "{id}"
    assert fill_path("/{id}", {"id": "{id}"}) == "/%7Bid%7D"
    assert fill_pointer("/p/{field}/v", {"field": "a/{field}"}) == "/p/a~1{field}/v"


@pytest.mark.parametrize(
    ("path", "words"),
    [("/a/{ID}", "brace"), ("/a/{host}", "not known"), ("/a", "lacks"), ("/{id}#x", "no #"), ("/{id", "brace")],
)
def test_what_is_no_template_is_refused_at_the_start(path: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        check_template(path, "here", may=["id"], must=["id"])


def test_unknown_placeholder_in_a_body() -> None:
    with pytest.raises(SettingsError, match="not known"):
        check_body({"a": ["{user}"]}, "here", may=["id", "value"])
