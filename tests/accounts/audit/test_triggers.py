"""The triggers on PostgreSQL, run at a real server: nothing is changed, removed or put anywhere but at the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.audit.triggers import triggers_for
from tests.support.postgres import running_postgres
from tests.support.postgres_trail import AFTER_ARCHIVING, ATTEMPTS, EVENTS, WRITERS

ROOT = Path(__file__).resolve().parents[3]
INSERT, CHANGE, DELETE = "put at the end of the chain", "never changed", "only through an archived segment"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    # A state folder of its own: what this process signed for the trail of other tests is longer than this one's, and
    # the new trail would be found cut short.
    state = tmp_path_factory.mktemp("state")
    with running_postgres() as folder:
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.postgres_trail", str(folder)],
            check=False, cwd=ROOT, capture_output=True, text=True, timeout=100,
            env={**os.environ, "SIGHTLINE_STATE_DIR": str(state)},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr[-6000:]
        yield json.loads(done.stdout.splitlines()[-1])


def test_writers_side_by_side_make_one_chain(found: dict[str, Any]) -> None:
    assert found["errors"] == []
    assert found["recorded"] == EVENTS * WRITERS
    assert found["holds"]


@pytest.mark.parametrize("attempt", [*ATTEMPTS, *AFTER_ARCHIVING])
def test_attempt_is_refused_by_the_trigger_and_by_nothing_else(found: dict[str, Any], attempt: str) -> None:
    words = found["refusals"][attempt]
    expected = {"edit": (CHANGE,), "insert": (INSERT,), "take": (INSERT,)}.get(attempt.partition(" ")[0], (DELETE,))
    assert any(each in words for each in expected), f"{attempt}: {words!r}"


def test_what_stands_at_the_end_is_let_in(found: dict[str, Any]) -> None:
    """The rule would be as strong and useless if it refused everything."""
    assert found["in the right place"] == ""
    assert found["holds after the attempts"]


def test_archived_rows_go_and_no_others(found: dict[str, Any]) -> None:
    assert found["retired"] >= EVENTS * WRITERS
    assert found["left"] >= 1
    assert found["holds after archiving"]


def test_owner_of_the_tables_is_found_out(found: dict[str, Any]) -> None:
    assert found["tampering is found"]


def test_size_is_asked_of_the_database(found: dict[str, Any]) -> None:
    assert found["used"] > 8192


def test_other_databases_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="mysql"):
        triggers_for("mysql")
