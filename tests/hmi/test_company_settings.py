"""Company sign-on from the environment: complete or refused with a sentence, and the secret never in a repr."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from hmi.company_settings import read_companies


@pytest.fixture
def acme(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery\n")
    facts = {
        "COMPANIES": "acme-north",
        "COMPANY_ACME_NORTH_ISSUER": "https://login.acme.example/tenant",
        "COMPANY_ACME_NORTH_CLIENT_ID": "sightline",
        "COMPANY_ACME_NORTH_SECRET_FILE": str(secret),
    }
    for name, value in facts.items():
        monkeypatch.setenv(f"SIGHTLINE_{name}", value)

    def change(name, value):
        monkeypatch.setenv(f"SIGHTLINE_{name}", value)

    return change


def test_nothing_is_configured_by_default():
    assert read_companies() == ()


def test_complete(acme):
    acme("COMPANY_ACME_NORTH_NAME", "Acme")
    acme("COMPANY_ACME_NORTH_SECOND_FACTOR_AMR", "mfa, hwk")
    (company,) = read_companies()
    assert (company.id, company.name, company.secret) == ("acme-north", "Acme", "correct horse battery")
    assert company.second_factor_amr == {"mfa", "hwk"}
    assert (company.local_password, company.new_people, company.prompt) == (True, False, "login")
    assert "horse" not in repr(company)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COMPANIES", "Acme"),
        ("COMPANIES", "acme/.."),
        ("COMPANY_ACME_NORTH_ISSUER", "http://login.acme.example"),
        ("COMPANY_ACME_NORTH_ISSUER", "login.acme.example"),
        ("COMPANY_ACME_NORTH_ISSUER", "https://login.acme.example/?a=1"),
        ("COMPANY_ACME_NORTH_SCOPES", "profile email"),
        ("COMPANY_ACME_NORTH_SECRET_FILE", "/nonexistent"),
        ("COMPANY_ACME_NORTH_LOCAL_PASSWORD", "no"),
    ],
)
def test_wrong_setting_is_named(acme, name, value):
    acme(name, value)
    with pytest.raises(ImproperlyConfigured, match="SIGHTLINE_COMPAN"):
        read_companies()


def test_missing_setting_is_named(acme, monkeypatch):
    monkeypatch.delenv("SIGHTLINE_COMPANY_ACME_NORTH_CLIENT_ID")
    with pytest.raises(ImproperlyConfigured, match="SIGHTLINE_COMPANY_ACME_NORTH_CLIENT_ID"):
        read_companies()
