"""Limits of Hybrid Connections as the service documents them. Seconds, bytes, or counts, as each line says."""

from __future__ import annotations

from typing import Final

# A rendezvous address is good once, and for this long after the listener was told of it.
ACCEPT_DEADLINE: Final = 30.0  # seconds
# The service's own clients read a command into a buffer of this size.
MAX_CONTROL_MESSAGE: Final = 65_536  # bytes, one text message on the control channel
# Headers of the sender's handshake, repeated in ``accept``.
MAX_CONTROL_HEADERS: Final = 32_768  # bytes
# An HTTP body up to and including this size travels on the control channel, a larger one over a rendezvous.
MAX_CONTROL_BODY: Final = 65_536  # bytes

# No size is stated for the text of a request or a response over a rendezvous, whose headers may be over the 32 kB.
MAX_RENDEZVOUS_TEXT: Final = 262_144  # bytes
MAX_ID: Final = 1_024  # characters of a request's id; a GUID and the numbers of two gateways have 44
MAX_METHOD: Final = 64  # characters

# The relay answers the sender with 504 when a listener has not begun to answer by then, and cuts a response after this
# long without a frame. Neither can be configured at the service.
RESPONSE_DEADLINE: Final = 60.0  # seconds from the request to the head of its response
RESPONSE_IDLE: Final = 60.0  # seconds between two fragments of a response's body
# The service takes every control channel down about once a day, by design.
RECYCLE_PERIOD: Final = 86_400.0  # seconds

MAX_LISTENERS: Final = 25  # per hybrid connection
MAX_CONNECTIONS: Final = 5_000  # sockets of senders plus rendezvous, per namespace
MAX_RULES: Final = 12  # authorization rules at a namespace, and at a hybrid connection
MAX_KEY_NAME: Final = 256  # characters
MAX_KEY: Final = 256  # characters of the key text
MAX_ENTITY_PATH: Final = 260  # characters
# Not documented. Signatures stay far below; Entra tokens run to about 3 KiB.
MAX_TOKEN: Final = 8_192  # characters
MAX_CONNECTION_STRING: Final = 4_096  # characters
MAX_ADDRESS: Final = 32_768  # characters; the sender's query comes back in the rendezvous address

# The service keeps an open control channel this long past the expiry of its token; a handshake gets no such grace.
CLOCK_GRACE: Final = 300.0  # seconds
# The service's own clients refuse to make tokens that live shorter than a few minutes; ours renew at half of life.
DEFAULT_TOKEN_LIFE: Final = 1_800.0  # seconds
# Idle control channels die silently after a little more than four minutes: something must be sent more often.
IDLE_DEATH: Final = 240.0  # seconds

MIN_REJECT_STATUS: Final = 100
MAX_REJECT_STATUS: Final = 999
# A response may have any status up to 999 as well, but it is the final one: 1xx would announce another.
MIN_RESPONSE_STATUS: Final = 200
MAX_RESPONSE_STATUS: Final = 999
