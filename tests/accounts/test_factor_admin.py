"""The administration opens no second door to what the pages of one's own account guard."""

from __future__ import annotations

import pytest

from tests.accounts.conftest import ALICES_PASSWORD

pytestmark = pytest.mark.django_db
NEW = "three blind mice, running"


def test_own_password_is_changed_on_the_one_page_that_counts_wrong_ones(client, root):
    client.force_login(root)
    form = {"old_password": ALICES_PASSWORD, "new_password1": NEW, "new_password2": NEW}
    for answer in (client.get("/admin/password_change/"), client.post("/admin/password_change/", form)):
        assert (answer.status_code, answer["Location"]) == (303, "/account/password/")
    root.refresh_from_db()
    assert root.check_password(ALICES_PASSWORD)
