"""Codes work once, in their time, for their person; what is stored does not show them."""

from __future__ import annotations

import time
from xml.etree import ElementTree

import pytest
from allauth.mfa.models import Authenticator

from accounts import one_time_codes
from tests.accounts.factor_help import App, give_app

NOW = 2_000_000_010.0


def test_rfc_6238_example():
    """Appendix B: SHA-1 at 59 s gives 94287082, of which six digits are 287082."""
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert one_time_codes.matching_step(secret, "287082", 59) == 1
    assert one_time_codes.matching_step(secret, "287 082", 59) == 1


@pytest.mark.parametrize(("seconds", "accepted"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_phones_clock_may_be_off_by_one_period(seconds, accepted):
    app = App(one_time_codes.new_secret())
    found = one_time_codes.matching_step(app.secret, app.code(now=NOW + seconds), NOW)
    assert (found is not None) is accepted


@pytest.mark.parametrize("rubbish", ["", " ", "abcdef", "१२३४५६", "1" * 5000, "-1", "\0"])
def test_rubbish_is_no_code(rubbish):
    assert one_time_codes.matching_step(one_time_codes.new_secret(), rubbish, NOW) is None


@pytest.mark.django_db
class TestApp:
    def test_code_works_once_and_no_older_one_after_it(self, alice):
        app = give_app(alice)
        assert one_time_codes.accept_app_code(alice, app.code(now=NOW), NOW)
        assert not one_time_codes.accept_app_code(alice, app.code(now=NOW), NOW)
        assert not one_time_codes.accept_app_code(alice, app.code(now=NOW - 30), NOW)
        assert one_time_codes.accept_app_code(alice, app.code(now=NOW + 30), NOW)

    def test_code_of_the_setting_up_is_used_up_by_it(self, alice):
        app = App(one_time_codes.new_secret())
        assert one_time_codes.enrol_app(alice, app.secret, app.code(now=NOW), NOW) is not None
        assert not one_time_codes.accept_app_code(alice, app.code(now=NOW), NOW)

    def test_wrong_code_sets_nothing_up(self, alice):
        app = App(one_time_codes.new_secret())
        assert one_time_codes.enrol_app(alice, app.secret, app.wrong_code(), NOW) is None
        assert not Authenticator.objects.exists()

    def test_new_app_takes_the_place_of_the_old_one(self, alice):
        old = give_app(alice)
        new = App(one_time_codes.new_secret())
        one_time_codes.enrol_app(alice, new.secret, new.code(now=NOW - 60), NOW - 60)
        assert not one_time_codes.accept_app_code(alice, old.code(now=NOW), NOW)
        assert one_time_codes.accept_app_code(alice, new.code(now=NOW), NOW)

    def test_somebody_elses_code_is_worth_nothing(self, alice, bob):
        give_app(alice)
        assert not one_time_codes.accept_app_code(alice, give_app(bob).code(now=NOW), NOW)

    def test_secret_is_not_in_the_database(self, alice):
        app = give_app(alice)
        assert app.secret not in str(Authenticator.objects.get().data)

    def test_row_of_another_installation_matches_nothing(self, alice, settings):
        app = give_app(alice)
        before, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
        assert not one_time_codes.accept_app_code(alice, app.code(now=NOW), NOW)
        settings.SECRET_KEY_FALLBACKS = [before]
        assert one_time_codes.accept_app_code(alice, app.code(now=NOW), NOW)


@pytest.mark.django_db
class TestRecovery:
    def test_each_works_once(self, alice):
        codes = one_time_codes.make_recovery_codes(alice)
        assert len(set(codes)) == 10
        assert one_time_codes.accept_recovery_code(alice, one_time_codes.spaced(codes[3]))
        assert not one_time_codes.accept_recovery_code(alice, codes[3])
        assert one_time_codes.recovery_codes_left(alice) == 9

    def test_new_ones_make_the_old_ones_worthless(self, alice):
        old = one_time_codes.make_recovery_codes(alice)
        one_time_codes.make_recovery_codes(alice)
        assert not one_time_codes.accept_recovery_code(alice, old[0])

    def test_they_are_not_in_the_database(self, alice):
        codes = one_time_codes.make_recovery_codes(alice)
        stored = str(Authenticator.objects.get().data)
        assert not any(code in stored for code in codes)

    @pytest.mark.parametrize("rubbish", ["", "0", "x" * 500])
    def test_rubbish_is_none(self, alice, rubbish):
        one_time_codes.make_recovery_codes(alice)
        assert not one_time_codes.accept_recovery_code(alice, rubbish)


def test_picture_is_an_image_without_code():
    tree = ElementTree.fromstring(one_time_codes.draw_qr("otpauth://totp/Sightline:alice?secret=ABC"))
    assert {element.tag.rpartition("}")[2] for element in tree.iter()} == {"svg", "rect", "path"}
    assert not any(name == "style" or name.startswith("on") for element in tree.iter() for name in element.attrib)


def test_picture_is_drawn_quickly():
    start = time.process_time()
    one_time_codes.draw_qr("otpauth://totp/Sightline:alice?secret=" + "A" * 32 + "&issuer=Sightline")
    assert time.process_time() - start < 2
