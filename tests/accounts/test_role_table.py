"""The table of roles and scopes in the documentation is the one that the code makes."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.core.management import call_command

from accounts.role_table import role_table
from accounts.roles import SHIPPED_ROLES
from relay_bridge.contract.scopes import PROCESS_SCOPES, SCOPES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "access.md"


def test_documentation_is_current():
    assert f"\n\n{role_table()}\n\n" in DOCS.read_text(), (
        "run manage.py role_table and put its table into docs/access.md"
    )


def test_command_prints_it():
    out = StringIO()
    call_command("role_table", stdout=out)
    assert out.getvalue().strip() == role_table()


def test_every_cell_is_the_roles_own():
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in role_table().splitlines()]
    assert lines[0][2:] == [role.name for role in SHIPPED_ROLES]
    cells = {row[0].strip("`"): row[2:] for row in lines[2:] if row[0].startswith("`")}
    assert cells.keys() == SCOPES.keys()
    for column, role in enumerate(SHIPPED_ROLES):
        assert {scope for scope, row in cells.items() if row[column] == "x"} == role.scopes


def test_who_administers_or_audits_sees_no_process_data():
    for role in SHIPPED_ROLES:
        if role.slug in {"site-administrator", "auditor"}:
            assert not role.scopes & PROCESS_SCOPES
