"""The settings: every gate of RFC 9700 is closed, and opening one is an error at the start or at deployment."""

from __future__ import annotations

import pytest
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from accounts.oauth.checks import MUST, toolkit_is_strict


def test_deployment_checks_of_the_toolkit_find_nothing():
    found = [message for message in checks.run_checks(include_deployment_checks=True) if "oauth" in (message.id or "")]
    assert found == []


def test_one_open_gate_fails_the_deployment_check(settings):
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": False}
    with pytest.raises(SystemCheckError, match=r"oauth2_provider\.W002"):
        call_command("check", "--deploy", "--fail-level", "WARNING", "--tag", "security")


@pytest.mark.parametrize("name", MUST)
def test_a_lax_setting_is_refused_at_the_start(settings, name):
    assert toolkit_is_strict() == []
    settings.OAUTH2_PROVIDER = {**settings.OAUTH2_PROVIDER, name: "something else"}
    assert [error.id for error in toolkit_is_strict()] == ["oauth.E001"]
