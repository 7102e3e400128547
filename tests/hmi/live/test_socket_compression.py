"""permessage-deflate on daphne: agreed to as browsers offer it, within bounds, and not where nobody offers it."""

from __future__ import annotations

import pytest
from autobahn.exception import PayloadExceededError
from autobahn.websocket.compress import PerMessageDeflate, PerMessageDeflateOffer

from hmi.live.socket_compression import LONGEST_MESSAGE, MEMORY_LEVEL, PHONES_WINDOW_BITS, WINDOW_BITS, accept


def test_it_is_agreed_to_with_small_windows() -> None:
    agreed = accept([object(), PerMessageDeflateOffer(accept_max_window_bits=True)])
    assert (agreed.window_bits, agreed.mem_level, agreed.max_message_size) == (
        WINDOW_BITS,
        MEMORY_LEVEL,
        LONGEST_MESSAGE,
    )
    assert agreed.get_extension_string() == f"permessage-deflate; client_max_window_bits={PHONES_WINDOW_BITS}"


def test_a_client_that_wants_less_gets_less() -> None:
    agreed = accept([PerMessageDeflateOffer(accept_max_window_bits=False, request_max_window_bits=9)])
    assert agreed.window_bits == 9
    assert agreed.get_extension_string() == "permessage-deflate; server_max_window_bits=9"


def test_without_an_offer_there_is_none() -> None:
    assert accept([]) is None


def test_a_message_that_unpacks_to_too_much_is_refused() -> None:
    agreed = accept([PerMessageDeflateOffer(accept_max_window_bits=True)])
    ours = PerMessageDeflate.create_from_offer_accept(True, agreed)
    theirs = PerMessageDeflate.create_from_offer_accept(False, agreed)
    theirs.start_compress_message()
    bomb = theirs.compress_message_data(b"0" * (LONGEST_MESSAGE * 16)) + theirs.end_compress_message()
    ours.start_decompress_message()
    with pytest.raises(PayloadExceededError, match="exceeds decompression limit"):
        ours.decompress_message_data(bomb)
