"""What all shapes of the process API share: closed structs, and the names and numbers that many of them use."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

MAX_TAGS = 200  # tags in one read or sub
MAX_ID = 128  # characters of a tag id

# Agent ids are the agent's own; they stand in URLs and HTML attributes, so their alphabet is narrow.
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z"
TagId = Annotated[str, Meta(min_length=1, max_length=MAX_ID, pattern=ID_PATTERN)]
RequestId = Annotated[int, Meta(ge=1, le=2**53)]
AuthHandle = Annotated[int, Meta(ge=1, le=2**31)]
Seq = Annotated[int, Meta(ge=0, le=2**53)]
Ms = Annotated[int, Meta(ge=0, le=2**53)]  # epoch ms, UTC, by the agent's clock
Cursor = Annotated[str, Meta(max_length=200)]  # opaque: where the next page of an answer begins
# 128 random bits, made by whoever asks, as 22 to 32 characters: the same key is the same wish (docs/process-api.md).
Key = Annotated[str, Meta(min_length=22, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A closed shape: unknown fields are refused, defaults are not sent."""
