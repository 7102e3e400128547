"""Why an agent refuses a site token: the closed list of reasons, each one a word for the journal and a sentence.

They are listed in the order in which the agent asks (docs/tokens.md shows the same table). The wire never carries them:
whoever tries tokens learns nothing from the answers.
"""

from __future__ import annotations

TOKEN_REFUSALS: dict[str, str] = {
    # size and header
    "oversized": "larger than a site token can be",
    "malformed": "not three parts with a readable header",
    "header-field": "header carries more than typ, alg and kid",
    "header-typ": "typ is not that of a site token",
    "header-alg": "algorithm is not allowed",
    "key-unknown": "key id is not pinned",
    "key-retired": "signed with a key whose time is over; compare the clocks of the web app and this machine",
    "key-alg": "algorithm is not that of the key",
    # signature and shape
    "signature": "bad signature",
    "claims-shape": "claims have not the shape of a site token",
    "claims-bounds": "claims are out of bounds",
    # addressing
    "issuer": "another issuer",
    "audience": "made for another site",
    # time
    "not-yet-valid": "not valid yet; compare the clocks of the web app and this machine",
    "expired": "expired; compare the clocks of the web app and this machine",
    "issued-in-future": "issued in the future; compare the clocks of the web app and this machine",
    "life": "lives longer than a site token may",
    # replay
    "replayed-elsewhere": "already presented on another session",
    "replayed-write": "single-use token presented again",
    # binding and grant
    "certificate": "bound to another certificate",
    "epoch": "grant epoch is older than one already seen",
    # scope
    "scope-unknown": "unknown scope",
    "scope-none": "no scope",
    "scope-mixed": "a token that writes carries one scope and no other",
    # what only tokens that write are asked
    "details-unasked": "authorization details in a token that does not write",
    "details": "a token that writes names exactly one change, in the known form",
    "details-expired": "the change that it names is too late, or valid for too long",
    "write-life": "a token that writes lives too long",
    "write-proof": "the person did not show a second factor just now",
    "journal-lost": "the journal takes no events, so nothing that writes is let in",
    "memory-full": "the memory of presented tokens is full, so nothing that writes is let in",
    "memory-lost": "what was presented cannot be kept over a restart, so nothing that writes is let in",
}


class TokenRefused(Exception):  # noqa: N818 - a decision, not a fault
    """A rule about tokens that both ends keep was broken; ``code`` is a key of ``TOKEN_REFUSALS``."""

    def __init__(self, code: str) -> None:
        super().__init__(TOKEN_REFUSALS[code])
        self.code = code

    @property
    def reason(self) -> str:
        """The sentence for the log; it holds nothing from the token."""
        return TOKEN_REFUSALS[self.code]
