"""Step-up around the whole administration: changes wait for it, looking and taking away do not."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.admin_step_up import ENDINGS, SAFE
from accounts.assurance import AMR, STEP_UP_LIFE, STEPPED_UP_AT, STEPPED_UP_WITH
from accounts.models import Role
from hmi.sites.models import Grant, Site
from tests.accounts.factor_help import give_app
from tests.hmi.sites.people import give, make_administrator

pytestmark = pytest.mark.django_db
CONFIRM = "/confirm/"


@pytest.fixture
def north(db: Any) -> Site:
    return Site.objects.create(slug="north", name="North Terminal")


def administration(person: Any, *, confirmed: float | None = None, two_factors: bool = True) -> Client:
    """Signed in to the administration; ``confirmed``: so many seconds ago."""
    client = Client()
    client.force_login(person)
    session = client.session
    if two_factors:
        session[AMR] = ["pwd", "otp", "mfa"]
    if confirmed is not None:
        session[STEPPED_UP_AT], session[STEPPED_UP_WITH] = int(time.time() - confirmed), ["otp"]
    session.save()
    return client


@pytest.fixture
def with_app(root: Any) -> Any:
    give_app(root)
    return root


def sent_to_confirm(answer: Any) -> bool:
    return answer.status_code == 303 and answer["Location"].startswith(CONFIRM)


def add_group(client: Client) -> Any:
    return client.post("/admin/auth/group/add/", {"name": "helpers"})


def test_change_waits_for_whoever_has_a_second_factor(with_app: Any) -> None:
    client = administration(with_app)
    answer = client.post(
        "/admin/auth/group/add/",
        {"name": "helpers"},
        headers={"Referer": "http://127.0.0.1:8000/admin/auth/group/add/"},
    )
    assert sent_to_confirm(answer)
    assert answer["Location"].endswith("next=%2Fadmin%2Fauth%2Fgroup%2Fadd%2F")
    assert not Group.objects.exists()
    assert "Nothing was changed yet" in client.get(answer["Location"]).content.decode()


def test_confirmed_person_changes(with_app: Any) -> None:
    assert add_group(administration(with_app, confirmed=10)).status_code == 302
    assert Group.objects.filter(name="helpers").exists()


def test_confirming_holds_five_minutes(with_app: Any) -> None:
    assert sent_to_confirm(add_group(administration(with_app, confirmed=STEP_UP_LIFE + 1)))


@pytest.mark.parametrize("policy", ["always", "write"])
def test_policy_alone_demands_it(settings: Any, root: Any, policy: str) -> None:
    """A company vouched for both factors, and the person has none here."""
    settings.SECOND_FACTOR = policy
    assert sent_to_confirm(add_group(administration(root)))
    assert not Group.objects.exists()


def test_demo_without_factors_goes_on(root: Any) -> None:
    assert add_group(administration(root, two_factors=False)).status_code == 302
    assert Group.objects.exists()


@pytest.mark.parametrize(
    "page",
    ["/admin/", "/admin/accounts/user/", "/admin/accounts/role/", "/admin/sites/grant/", "/admin/sites/grant/why/"],
)
def test_looking_waits_for_nothing(with_app: Any, page: str) -> None:
    assert administration(with_app).get(page).status_code == 200


@pytest.mark.parametrize("page", ["/admin/sites/grant/add/", "/admin/accounts/user/add/", "/admin/oauth/client/add/"])
def test_form_is_not_filled_in_for_nothing(with_app: Any, page: str) -> None:
    assert sent_to_confirm(administration(with_app).get(page))
    assert administration(with_app, confirmed=1).get(page).status_code == 200


def test_signing_out_waits_for_nothing(with_app: Any) -> None:
    assert administration(with_app).post("/admin/logout/")["Location"] == "/sign-in/"


def test_taking_away_waits_for_nothing(with_app: Any, alice: Any, north: Site) -> None:
    grant, phone = give(alice, "viewer", north), administration(alice)
    client = administration(with_app)
    client.post("/admin/sites/grant/", {"action": "revoke_now", "_selected_action": [grant.pk]})
    client.post("/admin/accounts/user/", {"action": "end_sessions", "_selected_action": [alice.pk]})
    grant.refresh_from_db()
    assert grant.revoked_at is not None
    assert phone.get("/").status_code == 302


@pytest.mark.parametrize(
    "sent",
    [
        {"action": ["revoke_now", "approve"], "index": "1"},  # the lower menu's is done, the upper one's is shown first
        {"action": ["approve", "revoke_now"], "index": "0"},
        {"action": ["approve"]},
        {"action": ["extend"]},
        {"action": ["revoke_now"], "_save": "Save"},
        {},
    ],
)
def test_nothing_is_given_under_the_name_of_an_ending(
    settings: Any, with_app: Any, alice: Any, north: Site, sent: dict[str, Any]
) -> None:
    settings.GRANT_APPROVAL = True
    grant = give(alice, "field-operator", north)
    form = {**sent, "_selected_action": [grant.pk], "confirmed": "yes", "seen": [f"{grant.pk}:{grant.epoch}"]}
    assert sent_to_confirm(administration(with_app).post("/admin/sites/grant/", form))
    grant.refresh_from_db()
    assert (grant.approval, grant.revoked_at) == ("pending", None)


def test_second_person_approves_after_confirming(settings: Any, alice: Any, north: Site) -> None:
    settings.GRANT_APPROVAL = True
    grant, erin = give(alice, "field-operator", north), make_administrator("erin")
    give_app(erin)
    form = {
        "action": "approve", "_selected_action": [grant.pk], "confirmed": "yes", "seen": [f"{grant.pk}:{grant.epoch}"],
    }  # fmt: skip
    assert sent_to_confirm(administration(erin).post("/admin/sites/grant/", form))
    assert administration(erin, confirmed=1).post("/admin/sites/grant/", form).status_code == 302
    grant.refresh_from_db()
    assert grant.approval == "approved"


def test_stranger_learns_nothing_of_it(alice: Any) -> None:
    answer = add_group(administration(alice))
    assert answer["Location"].startswith("/admin/login/")


def test_endings_are_actions_that_exist(rf: Any, root: Any) -> None:
    request = rf.get("/admin/")
    request.user = root
    known = {name for each in admin.site._registry.values() for name in each.get_actions(request)}
    assert known >= ENDINGS


def test_every_page_of_the_administration_asks(with_app: Any, alice: Any, north: Site) -> None:
    """All addresses below /admin/, as the web app has them: a form posted at any of them goes to /confirm/."""
    grant, role = give(alice, "viewer", north), Role.objects.get(slug="viewer")
    keys = {"grant": grant.pk, "role": role.pk, "site": north.pk, "user": alice.pk}
    client, asked = administration(with_app), 0
    for name, address in _addresses(_administration()):
        if name in {"login", "logout"} or name is None:
            continue
        model = name.split("_")[1] if "_" in name else ""
        path = f"/admin/{address}".replace("{}", str(keys.get(model, 1)))
        answer = client.post(path, {"post": "yes"})
        assert sent_to_confirm(answer), f"{path} ({name}) does not ask"
        asked += 1
    assert asked > 60
    assert Grant.objects.get().epoch == grant.epoch
    assert "POST" not in SAFE


def _administration() -> URLResolver:
    return next(
        each for each in get_resolver().url_patterns if isinstance(each, URLResolver) and each.app_name == "admin"
    )


def _addresses(resolver: URLResolver, before: str = "") -> Any:
    import re  # noqa: PLC0415

    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _addresses(each, before + str(each.pattern))
        elif isinstance(each, URLPattern):
            if "(?P" in str(each.pattern):  # the app's own list: never more than a page to look at
                continue
            yield each.name, re.sub(r"<[^>]+>", "{}", before + str(each.pattern))
