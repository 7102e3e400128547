"""A real OpenID Connect provider as a process of its own, on a free port: oidc-provider-mock.

It lets anybody sign in as anybody, which is what a test wants; everything it says is signed with its own key.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.demo import free_port, wait_for

READY_DEADLINE = 30.0  # seconds, on a busy machine


class Provider:
    """``issuer`` is its address; ``tell(sub, claims)`` says what it will say about somebody."""

    def __init__(self, port: int) -> None:
        self.issuer = f"http://127.0.0.1:{port}"

    def tell(self, sub: str, **claims: Any) -> None:
        request = urllib.request.Request(
            f"{self.issuer}/users/{sub}",
            data=json.dumps(claims).encode(),
            headers={"Content-Type": "application/json"},
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert answer.status == 204

    def authorize(self, address: str, sub: str) -> str:
        """Sign in at the provider as ``sub``; answers the address it sends the browser back to."""

        class NoRedirect(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *args: Any, **kwargs: Any) -> None:
                return None

        opener = urllib.request.build_opener(NoRedirect)
        try:
            opener.open(urllib.request.Request(address, data=f"sub={sub}".encode(), method="POST"), timeout=5)
        except urllib.error.HTTPError as redirect:
            assert redirect.code in {302, 303}, redirect.read().decode()
            return redirect.headers["Location"]
        raise AssertionError("the provider sent nobody back")

    def wait_until_ready(self) -> None:
        wait_for(self.is_ready, "the OpenID provider answers", within=READY_DEADLINE)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False


@contextmanager
def running_provider(*, wait: bool = True) -> Iterator[Provider]:
    """``wait`` off: other things can start meanwhile, and whoever needs it asks ``wait_until_ready``."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        provider = Provider(port)
        if wait:
            provider.wait_until_ready()
        yield provider
    finally:
        process.terminate()
        process.wait(10)
