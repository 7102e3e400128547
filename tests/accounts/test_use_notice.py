"""The use notice stands above every way in, as text, and its version says which wording it was."""

from __future__ import annotations

import pytest

from accounts import shipped_notice, use_notice
from accounts.use_notice import notice_text, notice_version

pytestmark = pytest.mark.django_db


def test_version_names_the_wording(settings):
    settings.USE_NOTICE = "  One text.\n"
    one = notice_version()
    settings.USE_NOTICE = "One text."
    assert notice_version() == one
    assert len(one) == 12
    settings.USE_NOTICE = "Another text."
    assert notice_version() != one


def test_installation_may_want_none(settings, client):
    settings.USE_NOTICE = ""
    assert (notice_text(), notice_version()) == ("", "")
    assert "use-notice" not in client.get("/sign-in/").content.decode()


def test_stands_above_the_form_as_text(settings, client):
    settings.USE_NOTICE = "Only for <b>staff</b>.\n\nAll is recorded."
    page = client.get("/sign-in/").content.decode()
    assert page.index("Only for &lt;b&gt;staff&lt;/b&gt;.") < page.index('name="username"')
    assert "<p>All is recorded.</p>" in page


def test_the_shipped_notice_is_the_one_that_is_marked_for_translation() -> None:
    assert use_notice.MARKED == shipped_notice.SHIPPED
