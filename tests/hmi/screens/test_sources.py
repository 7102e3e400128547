"""The sources of the pages: nothing inline, nothing evaluated, plant text only ever as text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
SCRIPTS = sorted((settings.BASE_DIR / "static" / "js").rglob("*.js"))
PYTHON = sorted((settings.BASE_DIR / "hmi" / "screens").rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(settings.BASE_DIR))


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_template_has_nothing_inline_and_escapes_everything(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert "<style" not in text
    assert not re.search(r"\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"\|\s*safe|autoescape off|\bjs:|hx-on", text)
    # A filter in a trigger would send the request although its condition could not be evaluated.
    assert not re.search(r'hx-trigger="[^"]*\[', text)


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_what_htmx_fetches_is_also_a_plain_link_or_form(path: Path) -> None:
    for tag in re.findall(r"<(?:a|form|button)\b[^>]*\bhx-(?:get|post)=[^>]*>", path.read_text()):
        assert "href=" in tag or "action=" in tag, tag


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_script_neither_evaluates_nor_writes_markup(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("// "), "a script begins by saying what it is for"
    # What a page is kept as for reading without network is read out of a copy, and only read.
    written = re.sub(r"^  return copied\.innerHTML;$", "", text, flags=re.MULTILINE)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", written)
    assert not re.search(r"\beval\b|new Function|\.style\b", text)
    assert not re.search(r"set(?:Timeout|Interval)\(\s*[\"'`]", text)


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_screens_mark_nothing_as_safe(path: Path) -> None:
    assert not re.search(r"mark_safe|SafeString|format_html", path.read_text())


def test_htmx_is_kept_on_the_short_leash() -> None:
    base = (settings.BASE_DIR / "templates" / "base.html").read_text()
    found = re.search(r"name=\"htmx-config\" content='([^']+)'", base)
    assert found is not None
    config = json.loads(found[1])
    assert config["includeIndicatorStyles"] is False  # an inline style the policy would refuse
    assert config["allowEval"] is False
    assert config["allowScriptTags"] is False
    assert config["selfRequestsOnly"] is True
    assert config["historyCacheSize"] == 0  # no page with data in the browser's storage
