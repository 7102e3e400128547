"""Calling the handler of HTTP requests: whatever it does, an answer comes out, and nothing of its errors does."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from relay_bridge.protocol.addresses import split_request_target
from relay_bridge.protocol.commands import Request
from relay_bridge.protocol.errors import AddressError
from relay_bridge.transport.http_messages import Body, BodyTooLarge, HttpHandler, HttpRequest, HttpResponse
from relay_bridge.transport.incoming import fit_for_log
from relay_bridge.transport.request_socket import BodyBroken
from relay_bridge.transport.responses import Answer, plain, prepare_answer, whole_answer

logger = logging.getLogger(__name__)

BAD_TARGET: Final = "The path of the request cannot be used."
FAILED: Final = "The request failed at the listener."


async def ask(handler: HttpHandler, request: Request, body: Body, entity_path: str, place: str) -> Answer:
    """What ``handler`` answers. ``place`` names the listener in the log.

    400 for a path that climbs with "..", 413 when the handler lets ``BodyTooLarge`` through, 500 when it raises
    anything else or its answer cannot be carried. Raises ``BodyBroken`` when the request itself broke off: nobody is
    left to be answered; and ``CancelledError`` when cancelled itself.
    """
    try:
        suffix, query = split_request_target(request.target, entity_path)
    except AddressError:
        return _plain(request, 400, BAD_TARGET)
    try:
        response = _checked(
            await handler(
                HttpRequest(
                    request.method,
                    request.target,
                    request.headers,
                    body,
                    id=request.id,
                    suffix=suffix,
                    query=query,
                    remote_endpoint=request.remote_endpoint,
                )
            )
        )
        return await prepare_answer(request.id, request.method, response)
    except BodyBroken:
        raise
    except BodyTooLarge as error:
        return _plain(request, 413, f"The body is over the limit of {error.limit} bytes.")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        logger.warning("%s: the handler of request %s cancelled itself", place, fit_for_log(request.id))
    except Exception:
        logger.exception("%s: the handler of request %s failed", place, fit_for_log(request.id))
    return _plain(request, 500, FAILED)


def _plain(request: Request, status: int, sentence: str) -> Answer:
    return whole_answer(request.id, request.method, plain(status, sentence))


def _checked(response: object) -> HttpResponse:
    if not isinstance(response, HttpResponse):
        raise TypeError(f"a handler answers with an HttpResponse, not with {type(response).__name__}")
    return response
