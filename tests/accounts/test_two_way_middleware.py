"""A middleware of ours answers in whichever chain it stands, and only as that chain does."""

from __future__ import annotations

import pytest
from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse

from accounts.two_way_middleware import TwoWayMiddleware


class Naming(TwoWayMiddleware):
    """Says which of its methods answered."""

    def answer(self, request: HttpRequest) -> HttpResponse:
        return _named(self.get_response(request), "sync")

    async def answer_later(self, request: HttpRequest) -> HttpResponse:
        return _named(await self.get_response(request), "async")


def _named(response: HttpResponse, kind: str) -> HttpResponse:
    response.headers["X-Chain"] = kind
    return response


def test_sync_chain_gets_its_answer_at_once() -> None:
    middleware = Naming(lambda request: HttpResponse())

    assert not iscoroutinefunction(middleware)
    assert middleware(HttpRequest()).headers["X-Chain"] == "sync"


async def test_async_chain_awaits_it() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    middleware = Naming(view)

    assert iscoroutinefunction(middleware), "Django would run it in a thread"
    assert (await middleware(HttpRequest())).headers["X-Chain"] == "async"


def test_middleware_that_forgets_one_of_the_chains_cannot_be_made() -> None:
    class Half(TwoWayMiddleware):
        def answer(self, request: HttpRequest) -> HttpResponse:
            return self.get_response(request)

    with pytest.raises(TypeError, match="answer_later"):
        Half(lambda request: HttpResponse())  # type: ignore[abstract]
