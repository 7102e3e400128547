"""Labels hold one address of this web app and nothing else; who may look at the site prints them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import segno
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from hmi.sites.labels import MAX_LABELS, Label, NoLabels, make_label, make_labels
from hmi.sites.models import Site
from tests.hmi.sites.people import make_person

HOSTILE = "<script>alert(1)</script>\u202e"


def dark(label: Label) -> set[tuple[int, int]]:
    """The dark modules that the label's path draws."""
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", label.path)
    assert "".join(f"M{x} {y}h{w}v1h-{b}z" for x, y, w, b in runs) == label.path
    assert all(width == back for _, _, width, back in runs)
    return {(int(x) + step, int(y)) for x, y, width, _ in runs for step in range(int(width))}


def test_the_code_is_that_of_the_address_alone(settings: Any) -> None:
    settings.PUBLIC_URL = "https://hmi.example.com"
    label = make_label(Site(slug="north", name="North Terminal"), "TK-101", "Gasoline")
    assert label.address == "https://hmi.example.com/t/north/TK-101"
    meant = segno.make_qr("https://hmi.example.com/t/north/TK-101", error="q")
    rows = list(meant.matrix_iter(border=4))
    assert label.size == len(rows)
    assert dark(label) == {(x, y) for y, row in enumerate(rows) for x, module in enumerate(row) if module}
    assert meant.error in {"Q", "H"}


def test_lines_are_ids_with_a_text() -> None:
    labels = make_labels(Site(slug="north", name="North"), " TK-101   Gasoline,  north side \n\nP-1\nP-1\n")
    assert [(label.asset, label.words) for label in labels] == [("TK-101", "Gasoline, north side"), ("P-1", "")]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "at least one"),
        ("TK-101\n../admin", "Line 2"),
        ("x" * 129, "Line 1"),
        ("TK-101 " + "x" * 61, "line 1"),
        ("TK-101 \u202ereversed", "line 1"),
        ("\n".join(f"TK-{n}" for n in range(MAX_LABELS + 1)), "too many"),
    ],
)
def test_what_gives_no_labels_is_said(typed: str, says: str) -> None:
    with pytest.raises(NoLabels, match=says):
        make_labels(Site(slug="north", name="North"), typed)


@pytest.mark.django_db
def test_who_may_look_at_the_site_prints(client: Client) -> None:
    site = Site.objects.create(slug="north", name=HOSTILE)
    person = make_person("dora", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename="view_site"))
    client.force_login(person)
    address = reverse("admin:sites_site_labels", args=[site.pk])
    assert address in client.get(reverse("admin:sites_site_change", args=[site.pk])).content.decode()
    chosen = {"action": "print_labels", "_selected_action": [str(site.pk)]}
    assert client.post(reverse("admin:sites_site_changelist"), chosen).headers["Location"] == address
    assert "<textarea" in client.get(address).content.decode()
    page = client.post(address, {"assets": "TK-101 Gasoline"})
    text = page.content.decode()
    assert page.status_code == 200 and "/t/north/TK-101" in text and "<path d=" in text and "Gasoline" in text
    assert "<script" not in text and "style=" not in text
    assert "token" not in text.casefold() and client.session.session_key not in text
    assert "Line 1" in client.post(address, {"assets": "../x"}).content.decode()
    person.user_permissions.clear()
    assert client.get(address).status_code == 403
    assert client.post(address, {"assets": "TK-101"}).status_code == 403
