"""Messages to bytes and back. Bytes that are no message raise ``MalformedMessage``; nothing else escapes."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec

from relay_bridge.contract.errors import MalformedMessage, RequestRefused
from relay_bridge.contract.messages import (
    MAX_MESSAGE,
    PARAMETERS,
    Answer,
    Credit,
    ErrorBody,
    Push,
    Request,
    UpdateItem,
)
from relay_bridge.contract.readings import MAX_TEXT, Reading, Value

_encoder = msgspec.json.Encoder()
_request = msgspec.json.Decoder(Request)
_credit = msgspec.json.Decoder(Credit)
_answer = msgspec.json.Decoder(Answer)
_push: msgspec.json.Decoder[Push] = msgspec.json.Decoder(Push)
_parameters = {method: msgspec.json.Decoder(shape) for method, shape in PARAMETERS.items()}

BAD_OUT_OF_RANGE_NUMBER = 0x80380000  # process-api: NaN and infinity travel as null with this code
_MAX_EXACT_INT = 2**53  # larger integers travel as strings: a browser's numbers are doubles
_T = TypeVar("_T")


def encode(message: msgspec.Struct) -> bytes:
    """One message as JSON bytes; ``MalformedMessage`` when it is larger than 64 KiB (answers must page)."""
    data = _encoder.encode(message)
    if len(data) > MAX_MESSAGE:
        raise MalformedMessage(f"message of {len(data)} bytes is over the limit of {MAX_MESSAGE}")
    return data


def encode_result(request_id: int, result: msgspec.Struct) -> bytes:
    return encode(Answer(i=request_id, r=msgspec.Raw(_encoder.encode(result))))


def encode_refusal(request_id: int, refusal: RequestRefused) -> bytes:
    body = ErrorBody(c=refusal.code, msg=refusal.message, ua=refusal.status, d=refusal.detail)
    return encode(Answer(i=request_id, e=body))


def encode_request(request_id: int, method: str, parameters: msgspec.Struct, handle: int | None = None) -> bytes:
    raw = msgspec.Raw(_encoder.encode(parameters))
    return encode(Request(i=request_id, m=method, a=handle, p=raw))


def decode_request(data: bytes) -> Request | Credit:
    """What the agent receives."""
    if data.startswith(b'{"ok"'):
        return _decode(_credit, data)
    return _decode(_request, data)


def decode_parameters(request: Request) -> Any:
    """The typed parameters of a request; refuses unknown methods and malformed parameters by name."""
    decoder = _parameters.get(request.m)
    if decoder is None:
        raise RequestRefused("unsupported", f"Method {request.m[:40]!r} is not offered.")
    try:
        return decoder.decode(request.p)
    except msgspec.ValidationError as error:
        raise RequestRefused("bad_request", f"{request.m}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestRefused("bad_request", f"{request.m}: parameters are not JSON.") from None


def decode_from_agent(data: bytes) -> Answer | Push:
    """What the web app receives."""
    if data.startswith(b'{"i"'):
        return _decode(_answer, data)
    return _decode(_push, data)


def decode_result(answer: Answer, shape: type[_T]) -> _T:
    """The typed result of an answer; raises the agent's own ``RequestRefused``."""
    if answer.e is not None:
        raise RequestRefused(answer.e.c, answer.e.msg, status=answer.e.ua, detail=answer.e.d)  # type: ignore[arg-type]
    if not answer.r:
        raise MalformedMessage("answer has neither result nor error")
    try:
        return msgspec.json.decode(answer.r, type=shape)
    except msgspec.MsgspecError as error:
        raise MalformedMessage(f"answer is not a {shape.__name__}: {error}") from None


def _decode(decoder: msgspec.json.Decoder[_T], data: bytes) -> _T:
    if len(data) > MAX_MESSAGE:
        raise MalformedMessage(f"message of {len(data)} bytes is over the limit of {MAX_MESSAGE}")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessage(str(error)) from None


# --- readings as items -----------------------------------------------------------------------------------------


def normalise(value: Any, decimals: int | None = None) -> tuple[Value, int | None]:
    """A source's value as it may travel, and the quality to force when the value cannot be told.

    Numbers are rounded to ``decimals``; NaN and infinity become ``None`` with a bad quality; integers beyond
    2**53 become strings; text is cut at 1 KiB.
    """
    if value is None or isinstance(value, bool):
        return value, None
    if isinstance(value, int):
        return (value, None) if abs(value) <= _MAX_EXACT_INT else (str(value), None)
    if isinstance(value, float):
        if not math.isfinite(value):
            return None, BAD_OUT_OF_RANGE_NUMBER
        return (value if decimals is None else round(value, decimals)), None
    text = str(value)
    return (text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "~"), None


def update_item(handle: int, reading: Reading, frame_time: int) -> UpdateItem:
    """``[handle, value, dt, quality]`` with trailing zeros left out."""
    return _trim([handle, reading.value, reading.time - frame_time, reading.quality])


def parse_update_item(item: UpdateItem, frame_time: int) -> tuple[int, Reading]:
    if not 2 <= len(item) <= 4:
        raise MalformedMessage("an update item has two to four places")
    handle, value, dt, quality = (*item, 0, 0)[:4]
    _check_int(handle, dt, quality)
    return handle, Reading(_check_value(value), frame_time + dt, quality)


def read_item(tag: str, reading: Reading) -> list[Any]:
    return _trim([tag, reading.value, reading.time, reading.quality])


def parse_read_item(item: list[Any]) -> tuple[str, Reading]:
    if not 2 <= len(item) <= 4 or not isinstance(item[0], str):
        raise MalformedMessage("a read item is a tag, a value, a time and a quality")
    tag, value, time, quality = (*item, 0, 0)[:4]
    _check_int(time, quality)
    return tag, Reading(_check_value(value), time, quality)


def _trim(item: list[Any]) -> list[Any]:
    while len(item) > 2 and item[-1] == 0:
        item.pop()
    return item


def _check_int(*numbers: Any) -> None:
    for number in numbers:
        if type(number) is not int:
            raise MalformedMessage("handle, time and quality are integers")


def _check_value(value: Any) -> Value:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise MalformedMessage("a value is a number, a text, true, false or null")
