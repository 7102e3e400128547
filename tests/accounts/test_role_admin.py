"""The list of roles: searched by name and right, narrowed by right, and the same work however long."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Role

pytestmark = pytest.mark.django_db
LIST = "/admin/accounts/role/"


@pytest.fixture
def page(client, root):
    client.force_login(root)
    return lambda **query: client.get(LIST, query)


def shown(answer):
    return {role.slug for role in answer.context["cl"].queryset}


def test_roles_are_found_by_name_and_right(page):
    assert shown(page(q="viewer")) == {"viewer"}
    assert shown(page(scope="command:execute")) == {"shift-supervisor"}
    assert shown(page(scope="diag:read")) == {"maintenance-engineer", "site-administrator"}
    assert len(shown(page(scope="nonsense"))) == 6
    assert shown(page(created__year="2001")) == set()


def test_list_costs_the_same_however_long(page):
    page()
    with CaptureQueriesContext(connection) as before:
        page()
    for number in range(5):
        Role.objects.create(name=f"role {number}", slug=f"role-{number}", scopes="status:read")
    with CaptureQueriesContext(connection) as after:
        page()
    assert len(after) == len(before)


def test_usual_length_is_not_longer_than_the_longest(client, root):
    client.force_login(root)
    viewer = Role.objects.get(slug="viewer")
    values = {"name": "viewer", "scopes": ["status:read"], "default_days": "90", "longest_days": "30"}
    answer = client.post(f"{LIST}{viewer.pk}/change/", values)
    assert "longer than the longest grant" in answer.content.decode()
    viewer.refresh_from_db()
    assert (viewer.longest_days, "data:live" in viewer.scopes) == (366, True)
