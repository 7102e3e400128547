"""Paths, versions, errors and bodies, without a socket."""

from __future__ import annotations

import pytest

from relay_bridge.emulator.management.arm import (
    API_VERSIONS,
    PAGE,
    ArmError,
    Call,
    Router,
    check_api_version,
    error_body,
    moment,
    page,
    parse_body,
    parse_query,
    properties_of,
    value_of,
)

ROUTER = Router([("GET", "/things", "list"), ("GET", "/Things/{thing}", "get"), ("PUT", "/things/{thing}", "put")])


def refused(status: int, do: object, *arguments: object) -> ArmError:
    with pytest.raises(ArmError) as caught:
        do(*arguments)  # type: ignore[operator]
    assert caught.value.status == status
    return caught.value


def test_words_match_in_any_case_and_names_as_written() -> None:
    assert ROUTER.find("GET", "/THINGS/A%2Fb%20c") == ("get", {"thing": "A/b c"})
    assert ROUTER.find("PUT", "/things/x/") == ("put", {"thing": "x"})


def test_unknown_address_is_404_and_unknown_method_405() -> None:
    for path in ("/", "/other", "/things/a/b", "/things//", ""):
        if path != "/things//":
            refused(404, ROUTER.find, "GET", path)
    assert refused(405, ROUTER.find, "DELETE", "/things/a").headers == {"Allow": "GET, PUT"}
    refused(414, ROUTER.find, "GET", "/" + "a" * 3_000)


def test_api_version_is_one_of_three() -> None:
    for version in API_VERSIONS:
        check_api_version({"api-version": version})
    missing = refused(400, check_api_version, {})
    unknown = refused(400, check_api_version, {"api-version": "2030-01-01"})
    assert (missing.code, unknown.code) == ("MissingApiVersionParameter", "InvalidApiVersionParameter")
    for error in (missing, unknown):
        assert "2026-01-01, 2021-11-01, 2017-04-01" in error.message


def test_query_names_are_in_any_case_and_bounded() -> None:
    assert parse_query("Api-Version=1&api-version=2&x=") == {"api-version": "1", "x": ""}
    refused(400, parse_query, "&".join(f"a{n}=1" for n in range(40)))


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b'"a"', b"[" * 50_000])
def test_body_is_one_object_and_is_never_repeated(content: bytes) -> None:
    assert refused(400, parse_body, content).code == "InvalidRequestContent"


def test_members_have_their_type() -> None:
    assert value_of({"a": None}, "a", str, "a text", default="x") == "x"
    assert properties_of({}) == {}
    assert refused(400, value_of, {"a": 1}, "a", bool, "true or false").message == "a must be true or false."
    refused(400, properties_of, {"properties": []})


def test_long_list_comes_in_pages() -> None:
    items = list(range(PAGE + 5))
    call = Call("GET", "/things", {}, {"api-version": "2017-04-01"}, base_url="http://127.0.0.1:1")
    first = page(call, items, lambda item: {"n": item}).content
    assert len(first["value"]) == PAGE
    assert first["nextLink"] == f"http://127.0.0.1:1/things?api-version=2017-04-01&$skip={PAGE}"
    second = page(Call("GET", "/things", {}, {"$skip": str(PAGE)}), items, lambda item: {"n": item}).content
    assert [entry["n"] for entry in second["value"]] == items[PAGE:]
    assert "nextLink" not in second
    for skip in ("-1", "x", "9" * 20, "²"):
        refused(400, page, Call("GET", "/things", {}, {"$skip": skip}), items, lambda item: {"n": item})


def test_error_and_time_as_the_service_writes_them() -> None:
    assert error_body(ArmError(404, "ResourceNotFound", "Gone.")) == {
        "error": {"code": "ResourceNotFound", "message": "Gone."}
    }
    assert moment(1_790_000_000.25) == "2026-09-21T14:13:20.250Z"
