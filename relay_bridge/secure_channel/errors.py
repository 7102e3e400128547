"""Errors of the secure channel.

SecureChannelError
├── PinError             the pinned certificate, or one's own, cannot be used
├── PeerNotTrusted       the other side showed a certificate that is not the pinned one, or an expired one
├── NotTrustedByPeer     the other side refused our certificate
├── CorruptStream        bytes were changed, repeated, left out or made up on the way
├── TruncatedStream      the stream ended without the closing word: what is missing is unknown
└── FrameInvalid         a message of no length, or longer than the limit
"""

from __future__ import annotations


class SecureChannelError(Exception):
    """Root of everything in this package that can go wrong. The text is a sentence for a technician."""


class PinError(SecureChannelError):
    """A certificate or key file that cannot be used."""


class PeerNotTrusted(SecureChannelError):  # noqa: N818 - says what is the matter
    """The other side is not who it must be."""


class NotTrustedByPeer(SecureChannelError):  # noqa: N818
    """The other side ended the handshake over our certificate."""


class CorruptStream(SecureChannelError):  # noqa: N818
    """What arrived is not what the other side sent."""


class TruncatedStream(SecureChannelError):  # noqa: N818
    """The bytes ended without close_notify (RFC 8446, 6.1): somebody on the way may have cut the rest off."""


class FrameInvalid(SecureChannelError):  # noqa: N818
    """A frame that breaks the bounds; the stream cannot be followed any further."""
