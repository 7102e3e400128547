"""The installed app's shell: manifest, service worker, offline page, theme; nothing in it is anybody's."""

from __future__ import annotations

import json
import re
import struct
from typing import Any

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.test import Client

from hmi.screens import draw_icons, shell


@pytest.fixture
def anybody() -> Client:
    return Client()


def test_manifest_is_enough_to_install(anybody: Client) -> None:
    answer = anybody.get("/manifest.webmanifest")
    assert answer.headers["Content-Type"] == "application/manifest+json"
    manifest = answer.json()
    assert [manifest[key] for key in ("id", "start_url", "scope", "display")] == ["/", "/", "/", "standalone"]
    purposes = {(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]}
    assert {(size, purpose) for size in ("192x192", "512x512") for purpose in ("any", "maskable")} <= purposes
    for icon in manifest["icons"]:
        assert finders.find(icon["src"].removeprefix("/static/")), icon


@pytest.mark.parametrize("size", shell.ICON_SIZES)
@pytest.mark.parametrize("shape", ["", "-maskable"])
def test_icons_are_pngs_of_their_size(size: int, shape: str) -> None:
    data = (settings.BASE_DIR / f"static/icons/sightline{shape}-{size}.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (size, size)


def test_icons_are_what_the_script_draws() -> None:
    icons = settings.BASE_DIR / "static/icons"
    assert (icons / "sightline.svg").read_text() == draw_icons.draw_svg()
    assert (icons / "sightline-maskable-192.png").read_bytes() == draw_icons.draw_png(192, maskable=True)


def test_worker_comes_from_the_root_and_keeps_the_shell_only(anybody: Client) -> None:
    answer = anybody.get("/sw.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    kept = json.loads(re.match(r"self\.SHELL = (\{.*\});", answer.content.decode())[1])
    assert kept["offline"] == "/offline/"
    assert all(path.startswith("/static/") for path in kept["files"])
    assert {"/static/css/tokens.css", "/static/js/live.js", "/static/django_htmx/htmx-2.min.js"} <= set(kept["files"])
    assert all(finders.find(path.removeprefix("/static/")) for path in kept["files"])
    assert re.fullmatch(r"[0-9a-f]{16}", kept["version"])


def test_offline_page_says_what_is_not_known_and_names_nobody(anybody: Client) -> None:
    text = anybody.get("/offline/").content.decode()
    assert "Nothing is known here" in text
    assert "csrfmiddlewaretoken" not in text
    assert "<form" not in text


@pytest.mark.parametrize("path", ["/manifest.webmanifest", "/sw.js", "/offline/", "/no/such/page/", "/sign-in/"])
def test_every_answer_carries_the_headers(anybody: Client, path: str, db: None) -> None:
    answer = anybody.get(path)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("chosen", "wanted", "next_page"),
    [("sun", "/sites/north/", "/sites/north/"), ("night", "//evil.example", "/")],
)
def test_theme_by_a_plain_form(anybody: Client, chosen: str, wanted: str, next_page: str) -> None:
    answer = anybody.post("/theme/", {"theme": chosen, "next": wanted})
    assert (answer.status_code, answer.headers["Location"]) == (303, next_page)
    cookie = answer.cookies["theme"]
    assert (cookie.value, cookie["samesite"], cookie["httponly"]) == (chosen, "Lax", True)
    assert f'data-theme="{chosen}"' in anybody.get("/offline/").content.decode()


def test_theme_by_htmx_needs_no_page(anybody: Client) -> None:
    answer = anybody.post("/theme/", {"theme": "sun"}, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.cookies["theme"].value) == (204, "sun")


def test_theme_that_does_not_exist_is_refused(anybody: Client) -> None:
    assert anybody.post("/theme/", {"theme": "pink"}).status_code == 400
    anybody.cookies["theme"] = '"><script>'
    assert 'data-theme="light"' in anybody.get("/offline/").content.decode()


def test_theme_needs_the_forms_token(db: None) -> None:
    assert Client(enforce_csrf_checks=True).post("/theme/", {"theme": "sun"}).status_code == 403


@pytest.mark.parametrize("template", ["400.html", "500.html", "403_csrf.html"])
def test_fault_pages_need_no_request(template: str) -> None:
    text = render_to_string(template)
    assert 'data-theme="light"' in text
    assert "/static/css/sightline.css" in text


def test_unknown_page_is_ours(anybody: Client, db: Any) -> None:
    answer = anybody.get("/no/such/page/")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
