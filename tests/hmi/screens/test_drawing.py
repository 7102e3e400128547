"""Pages are drawn beside the event loop, in the language of whoever asked."""

from __future__ import annotations

import asyncio
import threading

import pytest
from django.http import HttpResponse
from django.utils import translation

from hmi.screens.drawing import drawn

PATIENCE = 5.0  # seconds; a drawing inside the loop would wait for it in vain


@pytest.mark.asyncio
async def test_loop_goes_on_while_a_page_is_drawn() -> None:
    went_on = threading.Event()
    page = asyncio.create_task(drawn(lambda: HttpResponse(str(went_on.wait(PATIENCE)))))
    await asyncio.sleep(0)
    went_on.set()
    assert (await page).content == b"True"


@pytest.mark.asyncio
async def test_page_is_drawn_in_the_language_of_whoever_asked() -> None:
    with translation.override("fi"):
        finnish = await drawn(lambda: HttpResponse(translation.get_language()))
    assert finnish.content == b"fi"
    assert (await drawn(lambda: HttpResponse(translation.get_language()))).content == b"en"


@pytest.mark.asyncio
async def test_failure_of_a_drawing_reaches_whoever_asked() -> None:
    def fails() -> HttpResponse:
        raise LookupError("no such template")

    with pytest.raises(LookupError, match="no such template"):
        await drawn(fails)
