"""Parameters that are no text at all are refused like any others that make no sense."""

from __future__ import annotations

import pytest

from relay_bridge.contract.codec import decode_parameters, decode_request
from relay_bridge.contract.errors import RequestRefused
from relay_bridge.contract.messages import Request


@pytest.mark.parametrize("text", [b'{"tag":"\x85"}', b'{"key":"\xff\xfe"}', b'{"tag":"\xed\xa0\x80"}'])
def test_bytes_that_are_no_text_are_a_bad_request(text: bytes) -> None:
    request = decode_request(b'{"i":1,"m":"write","p":' + text + b"}")
    assert isinstance(request, Request)
    with pytest.raises(RequestRefused) as refused:
        decode_parameters(request)
    assert refused.value.code == "bad_request"
