"""The triggers that make the tables append-only, for each database that the web app runs on.

They refuse every UPDATE, a DELETE of anything but rows inside an archived segment (for which there must be a signed
bridge), and an INSERT that does not stand exactly at the end of the chain. That last rule also stops SQLite's INSERT
OR REPLACE, which deletes without asking the delete triggers.
"""

from __future__ import annotations

_EVENT, _CHECKPOINT, _RETIRED = "audit_event", "audit_checkpoint", "audit_retired"
_CHANGE = "the audit trail is never changed"
_DELETE = "events leave the audit trail only through an archived segment"
_INSERT = "an event is put at the end of the chain or not at all"

_END = f"""NEW.seq <> 1 + COALESCE((SELECT MAX(seq) FROM {_EVENT}), (SELECT MAX(last_seq) FROM {_RETIRED}), 0)
  OR NEW.previous <> COALESCE((SELECT hash FROM {_EVENT} WHERE seq = NEW.seq - 1),
    (SELECT last_hash FROM {_RETIRED} WHERE last_seq = NEW.seq - 1), '{"0" * 64}')"""  # noqa: S608 - constants
_BRIDGED = f"EXISTS (SELECT 1 FROM {_RETIRED} WHERE OLD.seq BETWEEN first_seq AND last_seq)"  # noqa: S608
_BRIDGED_CHECKPOINT = f"EXISTS (SELECT 1 FROM {_RETIRED} WHERE OLD.seq <= last_seq AND OLD.chain = 'web')"  # noqa: S608


def _sqlite(name: str, when: str, table: str, condition: str, words: str) -> tuple[str, str]:
    create = (
        f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW"
        f"{f' WHEN {condition}' if condition else ''} BEGIN SELECT RAISE(ABORT, '{words}'); END"
    )
    return create, f"DROP TRIGGER {name}"


def sqlite_triggers() -> list[tuple[str, str]]:
    """Pairs of the statement that makes a trigger and the one that drops it."""
    return [
        _sqlite("audit_event_insert", "INSERT", _EVENT, _END, _INSERT),
        _sqlite("audit_event_update", "UPDATE", _EVENT, "", _CHANGE),
        _sqlite("audit_event_delete", "DELETE", _EVENT, f"NOT {_BRIDGED}", _DELETE),
        _sqlite("audit_checkpoint_update", "UPDATE", _CHECKPOINT, "", _CHANGE),
        _sqlite("audit_checkpoint_delete", "DELETE", _CHECKPOINT, f"NOT {_BRIDGED_CHECKPOINT}", _DELETE),
        _sqlite("audit_retired_update", "UPDATE", _RETIRED, "", _CHANGE),
        _sqlite("audit_retired_delete", "DELETE", _RETIRED, "", _DELETE),
    ]


def _postgres(name: str, when: str, table: str, condition: str, words: str) -> list[tuple[str, str]]:
    test = f"IF {condition} THEN RAISE EXCEPTION '{words}'; END IF;" if condition else f"RAISE EXCEPTION '{words}';"
    result = "OLD" if when == "DELETE" else "NEW"
    return [
        (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {test} RETURN {result}; END $$",
            f"DROP FUNCTION {name}()",
        ),
        (
            f"CREATE TRIGGER {name} BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
            f"DROP TRIGGER {name} ON {table}",
        ),
    ]


def postgres_triggers() -> list[tuple[str, str]]:
    statements = [
        *_postgres("audit_event_insert", "INSERT", _EVENT, _END, _INSERT),
        *_postgres("audit_event_update", "UPDATE", _EVENT, "", _CHANGE),
        *_postgres("audit_event_delete", "DELETE", _EVENT, f"NOT {_BRIDGED}", _DELETE),
        *_postgres("audit_checkpoint_update", "UPDATE", _CHECKPOINT, "", _CHANGE),
        *_postgres("audit_checkpoint_delete", "DELETE", _CHECKPOINT, f"NOT {_BRIDGED_CHECKPOINT}", _DELETE),
        *_postgres("audit_retired_update", "UPDATE", _RETIRED, "", _CHANGE),
        *_postgres("audit_retired_delete", "DELETE", _RETIRED, "", _DELETE),
    ]
    refuse = "audit_refuse_truncate"
    statements.append(
        (
            f"CREATE FUNCTION {refuse}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_DELETE}'; END $$",
            f"DROP FUNCTION {refuse}()",
        )
    )
    statements += [
        (
            f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {refuse}()",
            f"DROP TRIGGER {table}_truncate ON {table}",
        )
        for table in (_EVENT, _CHECKPOINT, _RETIRED)
    ]
    return statements


def triggers_for(vendor: str) -> list[tuple[str, str]]:
    """Statements for the database ``vendor``; ``NotImplementedError`` for one on which nothing would be protected."""
    makers = {"sqlite": sqlite_triggers, "postgresql": postgres_triggers}
    if vendor not in makers:
        raise NotImplementedError(f"The audit trail has no triggers for {vendor}; use SQLite or PostgreSQL.")
    return makers[vendor]()
