"""The trigger on PostgreSQL, made by the migration at a real server: after both signatures nothing changes it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import DatabaseError
from django.db.utils import ConnectionHandler

from hmi.shifts.models import HandOver, Stage
from hmi.shifts.triggers import triggers_for
from tests.support.postgres import running_postgres

MIGRATION = importlib.import_module("hmi.shifts.migrations.0002_taken_is_final")
TABLE = HandOver._meta.db_table
CHANGES = ("words = 'otherwise'", "digest = ''", "stage = 'draft'", "words = words")


@pytest.fixture(scope="module")
def postgres(django_db_blocker: Any) -> Iterator[Any]:
    """A connection to a server that has the table, without the tables that its other columns lead to."""
    with running_postgres() as folder, django_db_blocker.unblock():
        server = {"NAME": "postgres", "USER": "postgres", "HOST": str(folder)}
        engine = {"ENGINE": "django.db.backends.postgresql"}
        connection = ConnectionHandler({"default": engine | server})["default"]
        with connection.schema_editor() as editor:
            editor.execute(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, stage text, words text, digest text)")
            MIGRATION.make(None, editor)
        yield connection
        connection.close()


def attempt(connection: Any, statement: str) -> str:
    """What the database says to it; empty when it lets it through."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return str(error).splitlines()[0]
    return ""


def row(connection: Any, number: int, stage: Stage) -> None:
    assert not attempt(connection, f"INSERT INTO {TABLE} VALUES ({number}, '{stage}', 'quiet', 'abc')")


def test_both_signatures_make_it_final(postgres: Any) -> None:
    row(postgres, 1, Stage.TAKEN)
    for change in CHANGES:
        assert "never changed" in attempt(postgres, f"UPDATE {TABLE} SET {change} WHERE id = 1"), change
    upsert = f"INSERT INTO {TABLE} VALUES (1, 'taken', '', '') ON CONFLICT (id) DO UPDATE SET words = 'otherwise'"
    assert "never changed" in attempt(postgres, upsert)
    with postgres.cursor() as cursor:
        cursor.execute(f"SELECT stage, words, digest FROM {TABLE} WHERE id = 1")
        assert cursor.fetchone() == ("taken", "quiet", "abc")


@pytest.mark.parametrize("stage", [Stage.DRAFT, Stage.GIVEN])
def test_until_then_it_is_written_as_before(postgres: Any, stage: Stage) -> None:
    number = 10 + list(Stage).index(stage)
    row(postgres, number, stage)
    assert attempt(postgres, f"UPDATE {TABLE} SET words = 'otherwise' WHERE id = {number}") == ""
    assert attempt(postgres, f"UPDATE {TABLE} SET stage = 'taken', digest = 'def' WHERE id = {number}") == ""
    assert "never changed" in attempt(postgres, f"UPDATE {TABLE} SET stage = '{stage}' WHERE id = {number}")


def test_one_signed_row_keeps_a_whole_statement_out(postgres: Any) -> None:
    row(postgres, 20, Stage.DRAFT)
    row(postgres, 21, Stage.TAKEN)
    assert "never changed" in attempt(postgres, f"UPDATE {TABLE} SET words = 'otherwise' WHERE id IN (20, 21)")
    with postgres.cursor() as cursor:
        cursor.execute(f"SELECT words FROM {TABLE} WHERE id IN (20, 21)")
        assert set(cursor.fetchall()) == {("quiet",)}


def test_migration_can_be_taken_back(postgres: Any) -> None:
    row(postgres, 30, Stage.TAKEN)
    with postgres.schema_editor() as editor:
        MIGRATION.drop(None, editor)
    assert attempt(postgres, f"UPDATE {TABLE} SET words = 'otherwise' WHERE id = 30") == ""
    with postgres.schema_editor() as editor:
        MIGRATION.make(None, editor)
    assert "never changed" in attempt(postgres, f"UPDATE {TABLE} SET words = 'again' WHERE id = 30")


def test_other_databases_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="mysql"):
        triggers_for("mysql")
