"""Signing in with a real browser: passkeys by Chromium's virtual authenticator, codes, recovery, a company's provider.

The provider and the web app are processes of their own; the web app stands on ``localhost`` with the policy of
production: everybody shows two factors.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebSocket, expect

from tests.support.demo import wait_for
from tests.support.oidc import Provider, running_provider
from tests.support.phone import PHONE
from tests.support.web_app import PASSWORD, running_web_app

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider(wait=False) as running:  # while the web app starts
        yield running


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, provider: Provider) -> Iterator[str]:
    company = {
        "SIGHTLINE_COMPANIES": "acme",
        "SIGHTLINE_COMPANY_ACME_NAME": "Acme",
        "SIGHTLINE_COMPANY_ACME_ISSUER": provider.issuer,
        "SIGHTLINE_COMPANY_ACME_CLIENT_ID": "sightline",
        "SIGHTLINE_COMPANY_ACME_SECRET": "only for this test",
        "SIGHTLINE_COMPANY_ACME_NEW_PEOPLE": "1",
    }
    with running_web_app(tmp_path_factory.mktemp("web-app"), company) as address:
        yield address


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
    yield context
    context.close()


class Device:
    """A page with a virtual authenticator that checks its person without asking anybody."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        made = self.session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        self.id = made["authenticatorId"]

    def credentials(self) -> list[dict]:
        return self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]

    def recognise_nobody(self) -> None:
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": False})


def session_cookie(context: BrowserContext) -> str:
    return next(cookie["value"] for cookie in context.cookies() if cookie["name"] == "sightline")


def watch(page: Page, web: str) -> list[str]:
    """Everything the browser complains about on our own pages: the content policy first of all."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type == "error" and page.url.startswith(web):
            complaints.append(message.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def give_password(page: Page, web: str, username: str) -> None:
    page.goto(f"{web}/sign-in/?next=/account/factors/")
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def code_of(secret: str) -> str:
    """What the authenticator app shows now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def test_passkey_is_set_up_then_signs_in_alone_and_steps_up(phone: BrowserContext, web: str) -> None:
    page = phone.new_page()
    complaints, device = watch(page, web), Device(page)
    give_password(page, web, "alice")
    page.wait_for_url(f"{web}/set-up/")

    # Half in is not in: every page sends back to the start.
    for path in ("/", "/sites/north/", "/account/factors/", "/account/sign-ins/"):
        assert page.request.get(web + path, max_redirects=0).status == 302, path

    page.get_by_role("button", name="Make a passkey").click()
    expect(page.get_by_role("heading", name="Write down your recovery codes")).to_be_visible()
    assert len(page.locator("ol.codes li").all()) == 10
    made = device.credentials()
    assert [each["isResidentCredential"] for each in made] == [True]
    page.get_by_role("link", name="I have written them down").click()
    page.wait_for_url(f"{web}/account/factors/")
    expect(page.get_by_text("Passkey: This device")).to_be_visible()

    page.goto(f"{web}/")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{web}/")
    expect(page.get_by_text("Signed in as alice")).to_be_visible()

    # Confirming again gives the session a new key; the live page in the other tab connects again under it.
    tab = phone.new_page()
    sockets: list[WebSocket] = []
    tab.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108 - Playwright takes no built-in
    tab.goto(f"{web}/")
    wait_for(lambda: tab.wait_for_timeout(50) or sockets, "the live page connects")
    before = session_cookie(phone)
    page.goto(f"{web}/confirm/?next=/account/sign-ins/")
    page.get_by_role("button", name="Confirm with my passkey").click()
    page.wait_for_url(f"{web}/account/sign-ins/")
    assert session_cookie(phone) != before
    assert page.locator("li.entry").count() == 1
    wait_for(lambda: tab.wait_for_timeout(50) or len(sockets) > 1, "the live page connects again", within=8)
    assert tab.locator("[data-ended]").count() == 0
    assert complaints == []


def test_device_that_does_not_know_its_person_signs_nobody_in(phone: BrowserContext, web: str) -> None:
    page = phone.new_page()
    device = Device(page)
    give_password(page, web, "bob")
    page.wait_for_url(f"{web}/set-up/")
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("link", name="I have written them down").click()
    page.goto(f"{web}/")
    page.get_by_role("button", name="Sign out").click()
    device.recognise_nobody()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("[data-passkey-trouble]")).to_be_visible()
    assert page.request.get(web + "/", max_redirects=0).status == 302


def test_authenticator_app_recovery_code_and_ending_another_device(
    browser: Browser, phone: BrowserContext, web: str
) -> None:
    page = phone.new_page()
    complaints = watch(page, web)
    give_password(page, web, "charlie")
    page.get_by_role("link", name="Use an authenticator app").click()
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.wait_for_function("() => document.querySelector('img.qr').naturalWidth > 0")  # the picture is drawn
    used = code_of(secret)
    page.fill("input[name=code]", used)
    page.get_by_role("button", name="Done").click()
    recovery = page.locator("ol.codes li").first.inner_text()
    page.get_by_role("link", name="I have written them down").click()
    page.goto(f"{web}/")
    page.wait_for_function("() => document.body.dataset.live !== undefined")

    desk = browser.new_context()
    other = desk.new_page()
    give_password(other, web, "charlie")
    other.wait_for_url(f"{web}/sign-in/second-factor/")
    other.fill("input[name=code]", used)  # up with the setting up
    other.get_by_role("button", name="Go on").click()
    expect(other.get_by_role("alert")).to_contain_text("was not accepted")
    other.fill("input[name=code]", recovery)
    other.get_by_role("button", name="Go on").click()
    other.wait_for_url(f"{web}/account/factors/")
    expect(other.get_by_text("9 unused")).to_be_visible()

    # The list names both; ending the phone's closes its open page.
    other.goto(f"{web}/account/sign-ins/")
    assert other.locator("li.entry").count() == 2
    other.get_by_role("button", name=re.compile("^End the sign-in of")).click()
    took = wait_for(lambda: page.locator("[data-ended]").count() > 0, "the phone's live page ends", within=5)
    print(f"the ended device's page closed after {took:.1f} s")
    assert page.request.get(web + "/", max_redirects=0).status == 302
    assert complaints == []
    desk.close()


def test_company_sign_on_by_a_real_provider(phone: BrowserContext, web: str, provider: Provider) -> None:
    provider.wait_until_ready()
    provider.tell("emp-17", preferred_username="dora", groups=["operators"])
    page = phone.new_page()
    complaints = watch(page, web)
    page.goto(f"{web}/sign-in/?next=/account/factors/")
    page.get_by_role("link", name="Sign in with Acme").click()
    page.fill("input[name=sub]", "emp-17")
    page.get_by_role("button", name=re.compile("^Authorize", re.IGNORECASE)).first.click()
    # The company's word is one factor; the policy wants a second one.
    page.wait_for_url(f"{web}/set-up/")
    page.get_by_role("link", name="Use an authenticator app").click()
    secret = page.locator("code.secret").inner_text().replace(" ", "")
    page.fill("input[name=code]", code_of(secret))
    page.get_by_role("button", name="Done").click()
    page.get_by_role("link", name="I have written them down").click()
    page.wait_for_url(f"{web}/account/factors/")
    expect(page.get_by_text("Your account is connected.")).to_be_visible()
    page.goto(f"{web}/")
    expect(page.get_by_text("Signed in as dora")).to_be_visible()
    assert "code=" not in page.url
    assert complaints == []
