"""No answer of the web app is stored, on either kind of server."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from hmi.screens.middleware import NoStoreMiddleware


def test_answers_are_not_stored() -> None:
    answer = NoStoreMiddleware(lambda request: HttpResponse())(HttpRequest())
    assert answer.headers["Cache-Control"] == "no-store"


async def test_answers_of_an_async_chain_are_not_stored() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Cache-Control": "max-age=60"})

    assert (await NoStoreMiddleware(view)(HttpRequest())).headers["Cache-Control"] == "no-store"
