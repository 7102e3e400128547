"""Settings are documented: what the web app reads from its environment stands in the docs, and the other way round."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from hmi import environment

ROOT = Path(__file__).resolve().parents[2]
COMPANY = "COMPANY_ACME_"  # the example's company in docs/sign-in.md stands for each
DOCUMENTED_IN = ("configuration.md", "sign-in.md")
# Secrets that may stand in a file; docs name the file's variable, the variable, or both.
READERS = {"text", "flag", "integer", "choice", "words", "path", "secret"}


def read_by_the_code() -> dict[str, str]:
    """Each variable without its prefix, and the kind of reading."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "hmi").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            of_environment = (
                isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "environment"
            )
            name = _name(node.args[0])
            if name and ((of_environment and called in READERS) or called == "_issuer"):
                found[name] = called
    return found


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr) and len(node.values) == 2 and isinstance(node.values[1], ast.Constant):
        return COMPANY + str(node.values[1].value)
    return ""


def documented() -> set[str]:
    """The variables in the first column of the tables, without their prefix."""
    found: set[str] = set()
    for page in DOCUMENTED_IN:
        for line in (ROOT / "docs" / page).read_text().splitlines():
            if line.startswith("| `SIGHTLINE_"):
                found |= set(re.findall(r"`SIGHTLINE_([A-Z_]+)`", line.split("|")[1]))
    return found


def test_every_setting_that_is_read_is_documented() -> None:
    known = documented()
    missing = [
        name
        for name, kind in read_by_the_code().items()
        if name not in known and not (kind == "secret" and f"{name}_FILE" in known)
    ]
    assert not missing, f"docs/configuration.md does not say what these are: {missing}"


def test_every_documented_setting_is_read() -> None:
    read = read_by_the_code()
    of_files = {f"{name}_FILE" for name, kind in read.items() if kind == "secret"}
    assert not documented() - read.keys() - of_files


def test_the_code_really_was_looked_at() -> None:
    read = read_by_the_code()
    assert {"STATE_DIR", "SECRET_KEY", "RELAY_NAMESPACE", f"{COMPANY}ISSUER", f"{COMPANY}NEW_PEOPLE"} <= read.keys()
    assert len(read) > 30


@pytest.mark.parametrize("value", ["-1", "0", "many", "1.5", ""])
def test_number_out_of_bounds_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SIGHTLINE_AUDIT_MAX_MB", value)
    with pytest.raises(ImproperlyConfigured, match="SIGHTLINE_AUDIT_MAX_MB"):
        environment.integer("AUDIT_MAX_MB", 2048, low=1, high=10)
