"""The admin: one door in, nobody raises himself, no credential shown."""

from __future__ import annotations

import time

import pytest
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from oauth2_provider.models import AccessToken

from accounts.first_party import open_access_token
from accounts.models import Role, User
from accounts.sessions import session_is_live
from tests.accounts.conftest import ALICES_PASSWORD, BOBS_PASSWORD

pytestmark = pytest.mark.django_db
NORTH = "http://127.0.0.1:8000/sites/7f1c"


@pytest.fixture
def staff(db):
    """Dora looks after people: she may view and change them, and is no superuser."""
    dora = User.objects.create_user("dora", password=BOBS_PASSWORD, is_staff=True)
    dora.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "add_user", "change_user", "delete_user", "view_role"])
    )
    return dora


def client_of(person):
    client = Client()
    client.force_login(person)
    return client


def person_form(person, **changes):
    fields = {"username": person.username, "first_name": "", "last_name": "", "email": "", "is_active": "on"}
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


# --- the door ----------------------------------------------------------------------------------------------------


def test_admin_sign_in_is_the_ordinary_sign_in(client, db):
    response = client.get("/admin/login/?next=/admin/accounts/user/")
    assert (response.status_code, response["Location"]) == (302, "/sign-in/?next=/admin/accounts/user/")


def test_stranger_is_sent_to_sign_in_from_every_admin_page(client, db):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0] == "/sign-in/?next=/admin/"


def test_guessing_through_the_admin_is_limited_the_same(client, sign_in, root):
    for n in range(5):
        # Followed as a browser would: whatever is posted at the admin's own address signs nobody in.
        posted = client.post("/admin/login/", {"username": "root", "password": ALICES_PASSWORD})
        assert posted["Location"].startswith("/sign-in/")
        sign_in("root", f"guess {n}", next="/admin/")
    assert "_auth_user_id" not in client.session
    assert sign_in("root", ALICES_PASSWORD, next="/admin/").status_code == 429


def test_administrator_comes_in_through_the_ordinary_sign_in(client, sign_in, root):
    assert sign_in("root", ALICES_PASSWORD, next="/admin/")["Location"] == "/admin/"
    assert "Sightline" in client.get("/admin/").content.decode()


def test_person_without_administration_is_told_so_and_not_sent_in_circles(alice):
    response = client_of(alice).get("/admin/", follow=True)
    assert response.status_code == 403
    assert "may not use the administration pages" in response.content.decode()


def test_admins_own_sign_out_is_by_post_and_ends_the_session(root):
    client = client_of(root)
    assert client.get("/admin/logout/").status_code == 405
    assert client.post("/admin/logout/").status_code == 303
    assert "_auth_user_id" not in client.session


# --- people ------------------------------------------------------------------------------------------------------


def test_list_finds_people_by_name_and_subject(root, alice, bob):
    client = client_of(root)
    page = client.get("/admin/accounts/user/", {"q": str(alice.subject)}).content.decode()
    assert "alice" in page
    assert ">bob<" not in page


def test_persons_page_shows_subject_read_only_and_no_hash(root, alice):
    page = client_of(root).get(f"/admin/accounts/user/{alice.pk}/change/").content.decode()
    assert str(alice.subject) in page
    assert 'name="subject"' not in page
    assert alice.password not in page


def test_subject_cannot_be_posted(root, alice):
    before = alice.subject
    wanted = "00000000-0000-4000-8000-000000000000"
    client_of(root).post(f"/admin/accounts/user/{alice.pk}/change/", person_form(alice, subject=wanted))
    alice.refresh_from_db()
    assert alice.subject == before


def test_superuser_cannot_change_the_own_flags(root):
    client_of(root).post(f"/admin/accounts/user/{root.pk}/change/", person_form(root, is_active=None, first_name="R"))
    root.refresh_from_db()
    assert root.first_name == "R"
    assert root.is_active
    assert root.is_superuser
    assert root.is_staff


def test_staff_cannot_raise_themselves_or_anybody(staff, alice):
    client = client_of(staff)
    for person in (staff, alice):
        raised = person_form(person, is_staff="on", is_superuser="on", user_permissions=["1", "2"], first_name="X")
        client.post(f"/admin/accounts/user/{person.pk}/change/", raised)
        person.refresh_from_db()
        assert person.first_name == "X"
        assert not person.is_superuser
    assert not alice.is_staff
    assert not alice.user_permissions.exists()


def test_staff_can_close_an_ordinary_account(staff, alice):
    client_of(staff).post(f"/admin/accounts/user/{alice.pk}/change/", person_form(alice, is_active=None))
    alice.refresh_from_db()
    assert not alice.is_active


@pytest.mark.parametrize("page", ["change", "delete", "password"])
def test_staff_cannot_touch_an_administrator(staff, root, page):
    response = client_of(staff).post(
        f"/admin/accounts/user/{root.pk}/{page}/",
        {**person_form(root, is_active=None), "password1": "p" * 20 + "1", "password2": "p" * 20 + "1", "post": "yes"},
    )
    assert response.status_code == 403
    root.refresh_from_db()
    assert root.is_active
    assert root.check_password(ALICES_PASSWORD)


def test_nobody_deletes_himself(root):
    assert client_of(root).post(f"/admin/accounts/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403


def test_deleting_many_at_once_is_not_offered(root, alice):
    client_of(root).post(
        "/admin/accounts/user/", {"action": "delete_selected", "_selected_action": [alice.pk, root.pk], "post": "yes"}
    )
    assert User.objects.count() == 2


def test_new_person_through_the_admin_needs_a_good_password(root):
    client = client_of(root)
    weak = {"username": "eve", "usable_password": "true", "password1": "short", "password2": "short"}
    client.post("/admin/accounts/user/add/", weak)
    assert not User.objects.filter(username="eve").exists()
    good = {**weak, "password1": BOBS_PASSWORD, "password2": BOBS_PASSWORD}
    client.post("/admin/accounts/user/add/", good)
    assert User.objects.get(username="eve").check_password(BOBS_PASSWORD)


def test_signing_a_person_out_everywhere(root, alice):
    phone = client_of(alice)
    key = phone.session.session_key
    open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=time.time())
    client_of(root).post("/admin/accounts/user/", {"action": "end_sessions", "_selected_action": [alice.pk]})
    assert not session_is_live(key, time.time())
    assert not AccessToken.objects.exists()
    assert LogEntry.objects.filter(object_id=str(alice.pk), change_message__contains="Ended 1 session").exists()


def test_staff_cannot_sign_an_administrator_out(staff, root):
    phone = client_of(root)
    key = phone.session.session_key
    client_of(staff).post("/admin/accounts/user/", {"action": "end_sessions", "_selected_action": [root.pk]})
    assert session_is_live(key, time.time())


def test_ending_the_pause_lets_a_person_in_again(root, alice, sign_in):
    for n in range(5):
        sign_in("alice", f"guess {n}")
    client_of(root).post("/admin/accounts/user/", {"action": "end_sign_in_pause", "_selected_action": [alice.pk]})
    assert not AccessAttempt.objects.filter(username="alice").exists()
    assert sign_in("alice", ALICES_PASSWORD).status_code == 303


def test_changes_leave_a_history(root, alice):
    client = client_of(root)
    client.post(f"/admin/accounts/user/{alice.pk}/change/", person_form(alice, first_name="Alice"))
    assert "root" in client.get(f"/admin/accounts/user/{alice.pk}/history/").content.decode()


# --- roles -------------------------------------------------------------------------------------------------------


def role_form(**changes):
    fields = {
        "name": "night watch",
        "slug": "night-watch",
        "scopes": ["status:read", "alarm:read"],
        "default_days": "7",
    }
    return {**fields, **changes}


def test_superuser_makes_a_role_from_check_boxes(root):
    client = client_of(root)
    page = client.get("/admin/accounts/role/add/").content.decode()
    assert 'type="checkbox"' in page
    assert "See live values" in page
    client.post("/admin/accounts/role/add/", role_form())
    assert Role.objects.get(slug="night-watch").scopes == "status:read alarm:read"


@pytest.mark.parametrize(
    "wrong",
    [{"scopes": []}, {"scopes": ["status:read", "everything"]}, {"scopes": ["status:read everything"]},
     {"default_days": "0"}, {"default_days": "5000"}],
)  # fmt: skip
def test_bad_role_is_refused(root, wrong):
    response = client_of(root).post("/admin/accounts/role/add/", role_form(**wrong))
    assert response.status_code == 200
    assert not Role.objects.filter(slug="night-watch").exists()


def test_roles_page_has_its_scopes_ticked(root):
    role = Role.objects.get(slug="auditor")
    page = client_of(root).get(f"/admin/accounts/role/{role.pk}/change/").content.decode()
    assert page.count(" checked") == 2  # status:read and audit:read; a second factor is not asked of the auditor


def test_slug_of_a_role_stays(root):
    role = Role.objects.get(slug="viewer")
    client_of(root).post(f"/admin/accounts/role/{role.pk}/change/", role_form(name="onlooker"))
    role.refresh_from_db()
    assert (role.name, role.slug) == ("onlooker", "viewer")


@pytest.mark.parametrize("page", ["add/", "{}/change/", "{}/delete/"])
def test_staff_look_at_roles_but_change_none(staff, page):
    role = Role.objects.get(slug="viewer")
    client = client_of(staff)
    assert client.get("/admin/accounts/role/").status_code == 200
    address = f"/admin/accounts/role/{page.format(role.pk)}"
    assert client.post(address, role_form(scopes=["command:execute"])).status_code == 403
    role.refresh_from_db()
    assert "command:execute" not in role.scopes


def test_staff_cannot_raise_themselves_through_a_group(staff):
    staff.user_permissions.add(*Permission.objects.filter(codename__in=["view_group", "change_group", "add_group"]))
    group = Group.objects.create(name="people's keepers")
    staff.groups.add(group)
    client = client_of(staff)
    wanted = {"name": group.name, "permissions": [Permission.objects.get(codename="delete_role").pk]}
    assert client.post(f"/admin/auth/group/{group.pk}/change/", wanted).status_code == 403
    assert not group.permissions.exists()


# --- access tokens -----------------------------------------------------------------------------------------------


@pytest.fixture
def row(alice):
    return open_access_token(alice, resource=NORTH, scopes={"data:live"}, now=time.time())


def test_open_access_is_seen_without_any_credential(root, row):
    client = client_of(root)
    for address in ("/admin/oauth2_provider/accesstoken/", f"/admin/oauth2_provider/accesstoken/{row.pk}/change/"):
        page = client.get(address).content.decode()
        assert "alice" in page
        assert NORTH in page
        assert "data:live" in page
        assert row.token_checksum not in page


def test_open_access_is_ended_in_the_admin(root, row):
    client_of(root).post("/admin/oauth2_provider/accesstoken/", {"action": "end_access", "_selected_action": [row.pk]})
    assert not AccessToken.objects.exists()
    assert LogEntry.objects.filter(object_id=str(row.pk)).exists()


def test_live_access_cannot_be_widened_in_the_admin(root, row):
    address = f"/admin/oauth2_provider/accesstoken/{row.pk}/change/"
    assert client_of(root).post(address, {"scope": "command:execute"}).status_code == 403
    row.refresh_from_db()
    assert row.scope == "data:live"


def test_staff_without_the_right_end_nothing(staff, row):
    client_of(staff).post("/admin/oauth2_provider/accesstoken/", {"action": "end_access", "_selected_action": [row.pk]})
    assert AccessToken.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", ["application", "grant", "refreshtoken", "idtoken"])
def test_the_toolkits_other_pages_are_not_there(root, model):
    assert client_of(root).get(f"/admin/oauth2_provider/{model}/").status_code == 404


def test_index_page_works(root):
    assert client_of(root).get(reverse("admin:index")).status_code == 200
