"""All errors of the secure channel have one root."""

from relay_bridge.secure_channel import errors


def test_one_root():
    for name in ("PinError", "PeerNotTrusted", "NotTrustedByPeer", "CorruptStream", "TruncatedStream", "FrameInvalid"):
        assert issubclass(getattr(errors, name), errors.SecureChannelError)
