"""Other applications as they are: a browser with a person at it, an app with PKCE, and the forms that programs post."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from oauth2_provider.models import Application

from accounts.oauth.clients import KINDS
from tests.hmi.live.people import asign_in

REDIRECT = "https://reports.example.com/callback"
LIVE = "status:read data:live"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def register(kind: str, name: str = "Report server", secret: str = "") -> Application:
    """A client as the administration leaves it."""
    _, client_type, grant_type = KINDS[kind]
    account = None
    if kind == "service":
        account = get_user_model()(username=f"service {name}")
        account.set_unusable_password()
        account.save()
    return Application.objects.create(
        client_id=f"{name.lower().replace(' ', '-')}-{secrets.token_hex(3)}",
        name=name,
        client_type=client_type,
        authorization_grant_type=grant_type,
        client_secret=make_password(secret or None),
        redirect_uris=REDIRECT if kind in {"native", "web"} else "",
        user=account,
    )


aregister = sync_to_async(register)


class Pkce:
    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(32)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Browser:
    """One signed-in person's browser."""

    def __init__(self, origin: str) -> None:
        self.http = httpx.AsyncClient(base_url=origin, timeout=20)
        self.origin = origin

    async def sign_in(self, user: Any) -> Browser:
        session = await asign_in(user)
        self.http.cookies.set(settings.SESSION_COOKIE_NAME, session.session_key)
        return self

    async def post(self, address: str, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the page's form."""
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        assert found is not None, page.text
        data = {"csrfmiddlewaretoken": found[1], **fields}
        return await self.http.post(address, data=data, headers={"Origin": self.origin})

    async def allow(self, application: Any, resource: str, pkce: Pkce, /, **changes: Any) -> httpx.Response:
        """Ask, look at the page, press Allow; the answer of the last step, or of the first that is no page."""
        address = authorize_address(application, resource, pkce, **changes)
        page = await self.http.get(address)
        if page.status_code != 200:
            return page
        return await self.post(address, page, decision="allow")

    async def close(self) -> None:
        await self.http.aclose()


def authorize_address(application: Any, resource: str, pkce: Pkce, /, **changes: Any) -> str:
    query = {
        "response_type": "code",
        "client_id": application.client_id,
        "redirect_uri": REDIRECT,
        "scope": LIVE,
        "state": "xyz",
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
        "resource": resource,
    } | changes
    return "/oauth/authorize/?" + str(httpx.QueryParams({k: v for k, v in query.items() if v is not None}))


def answer_of(response: httpx.Response) -> dict[str, str]:
    """What a redirect back to the application carries."""
    assert response.status_code == 303, response.text
    parts = urlsplit(response.headers["location"])
    return {name: values[0] for name, values in parse_qs(parts.query).items()}


async def token(http: httpx.AsyncClient, auth: Any = None, **form: str) -> httpx.Response:
    return await http.post("/oauth/token/", data=form, auth=auth)


async def exchange(
    http: httpx.AsyncClient, application: Any, code: str, pkce: Pkce, /, **changes: str
) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": application.client_id,
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": pkce.verifier,
    } | changes
    return await token(http, **form)


async def get_token(browser: Browser, application: Any, resource: str, scope: str = LIVE) -> dict[str, Any]:
    """The whole flow: the token answer of an application that a person allowed."""
    pkce = Pkce()
    back = answer_of(await browser.allow(application, resource, pkce, scope=scope))
    response = await exchange(browser.http, application, back["code"], pkce)
    assert response.status_code == 200, response.text
    return response.json()


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
