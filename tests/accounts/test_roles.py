"""The shipped roles are exactly the ones that were decided, and a role cannot hold what is not in the closed list."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import translation
from django.utils.translation import gettext as translated

from accounts.models import Role
from accounts.roles import SHIPPED_ROLES, role_words
from relay_bridge.contract.scopes import PROCESS_SCOPES, WRITE_SCOPES

pytestmark = pytest.mark.django_db

SHIPPED = {
    "viewer": "status:read data:live data:history alarm:read",
    "field operator": "status:read data:live data:history alarm:read alarm:ack note:write setpoint:write",
    "shift supervisor": "status:read data:live data:history alarm:read alarm:ack alarm:shelve note:write "
    "setpoint:write command:execute",
    "maintenance engineer": "status:read data:live data:history alarm:read alarm:shelve note:write diag:read",
    "site administrator": "status:read diag:read",
    "auditor": "status:read audit:read",
}


def test_shipped_roles_are_exactly_the_decided_ones():
    assert dict(Role.objects.values_list("name", "scopes")) == SHIPPED


def test_slugs_follow_the_names():
    assert {role.slug for role in Role.objects.all()} == {name.replace(" ", "-") for name in SHIPPED}


@pytest.mark.parametrize("slug", ["site-administrator", "auditor"])
def test_who_administers_or_audits_sees_no_process_data(slug):
    assert not Role.objects.get(slug=slug).scope_set & PROCESS_SCOPES


def test_roles_that_write_last_thirty_days_and_ask_for_a_second_factor():
    for role in Role.objects.all():
        if role.scope_set & WRITE_SCOPES:
            assert role.default_days == 30
            assert role.requires_second_factor


@pytest.mark.parametrize("scopes", ["", "   ", "data:live superpowers", "DATA:LIVE", "setpoint:write.a"])
def test_role_with_no_or_unknown_scope_is_refused(scopes):
    with pytest.raises(ValidationError):
        Role(name="odd", slug="odd", scopes=scopes).save()


def test_scopes_are_stored_once_and_in_the_lists_order():
    role = Role.objects.create(name="odd", slug="odd", scopes="alarm:read status:read alarm:read")
    assert role.scopes == "status:read alarm:read"


def test_an_edited_role_survives_the_next_migrate():
    Role.objects.filter(slug="viewer").update(scopes="status:read")
    call_command("migrate", verbosity=0)
    assert Role.objects.get(slug="viewer").scopes == "status:read"


def test_an_emptied_database_gets_its_roles_again():
    Role.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert dict(Role.objects.values_list("name", "scopes")) == SHIPPED


def test_shipped_names_are_read_in_ones_language_and_an_own_name_as_it_was_given() -> None:
    with translation.override("de"):
        for role in SHIPPED_ROLES:
            assert role_words(role.name) == translated(role.name)
        assert role_words("Show") == "Show"  # the name of somebody's own role, and a text of ours elsewhere
    assert role_words("field operator") == "field operator"
