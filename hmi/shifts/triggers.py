"""The trigger that keeps a hand-over as both signed it, for each database that the web app runs on."""

from __future__ import annotations

_TABLE, _NAME = "shifts_handover", "shifts_handover_final"
_WORDS = "a hand-over that both have signed is never changed"


def triggers_for(vendor: str) -> list[tuple[str, str]]:
    """Pairs of the statement that makes and the one that drops; ``NotImplementedError`` for any other database."""
    if vendor == "sqlite":
        make = (
            f"CREATE TRIGGER {_NAME} BEFORE UPDATE ON {_TABLE} FOR EACH ROW WHEN OLD.stage = 'taken' "
            f"BEGIN SELECT RAISE(ABORT, '{_WORDS}'); END"
        )
        return [(make, f"DROP TRIGGER {_NAME}")]
    if vendor == "postgresql":
        function = (
            f"CREATE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF OLD.stage = 'taken' THEN RAISE EXCEPTION '{_WORDS}'; END IF; RETURN NEW; END $$"
        )
        trigger = f"CREATE TRIGGER {_NAME} BEFORE UPDATE ON {_TABLE} FOR EACH ROW EXECUTE FUNCTION {_NAME}()"
        return [(function, f"DROP FUNCTION {_NAME}()"), (trigger, f"DROP TRIGGER {_NAME} ON {_TABLE}")]
    raise NotImplementedError(f"Hand-overs have no trigger for {vendor}; use SQLite or PostgreSQL.")
