"""Who may listen and who may send: shared access signatures against the rules of a hybrid connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Right, Rule
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.protocol.errors import TokenMalformed, TokenSignatureInvalid
from relay_bridge.protocol.sas import SasToken, parse_token, token_covers, verify_token

MAX_KEPT: Final = 4_096  # tokens, and resources, whose check is remembered; at most 40 MB of them in the worst case


@dataclass(frozen=True)
class Permit:
    """A token that was found good. ``expires_at`` is Unix seconds."""

    rule: str
    expires_at: int


class Authorizer:
    """The rules of one configuration. Tokens that were found good are kept, because senders use them many times."""

    def __init__(self, config: EmulatorConfig) -> None:
        self._config = config
        # By token and hybrid connection: what was signed, and with which rule. Only what a key has signed gets in.
        self._verified: dict[tuple[str, str | None], tuple[SasToken, Rule]] = {}
        self._covered: dict[tuple[str, str, str], bool] = {}

    def authorize(self, token_text: str | None, right: Right, *, host: str, path: str, now: float) -> Permit:
        """Check a token for ``right`` at ``host``/``path`` (hybrid connection and suffix), at ``now`` (Unix seconds).

        Raises ``Refusal``: 401 missing, malformed, unknown rule, bad signature, expired; 403 another path or a missing
        right; 404 no such hybrid connection. Authorization comes first: a stranger is told nothing about what exists.
        """
        if not token_text:
            raise Refusal(401, "MissingToken: The request carries no token")
        wrong_right = self._config.behaviour.wrong_right_status
        connection = self._config.find(path)
        token, rule = self._verify(token_text, connection, now)
        if not self._covers(token_text, token, host, path):
            raise Refusal(wrong_right, "The token is for another resource than the one asked for")
        if connection is None:
            raise Refusal(404, "Endpoint does not exist")
        if not rule.allows(right):
            raise Refusal(wrong_right, f"Unauthorized access. '{right}' claim is required to perform this operation")
        return Permit(rule.name, token.expires_at)

    def _verify(self, text: str, connection: HybridConnection | None, now: float) -> tuple[SasToken, Rule]:
        place = (text, connection.key if connection is not None else None)
        found = self._verified.get(place)
        if found is None:
            try:
                token = parse_token(text)
            except TokenMalformed as error:
                raise Refusal(401, f"MalformedToken: The token has an invalid signature or form, {error}") from error
            found = token, _signing_rule(_candidates(self._config, connection, token.key_name), token)
            if len(self._verified) >= MAX_KEPT:
                self._verified.clear()
            self._verified[place] = found
        expires_at = found[0].expires_at
        if now + self._config.behaviour.token_margin >= expires_at:
            moment = datetime.fromtimestamp(expires_at, UTC).strftime("%m/%d/%Y %H:%M:%S")
            raise Refusal(401, f"ExpiredToken: The token is expired. Expiration time: {moment}")
        return found

    def _covers(self, text: str, token: SasToken, host: str, path: str) -> bool:
        place = (text, host, path)
        found = self._covered.get(place)
        if found is None:
            if len(self._covered) >= MAX_KEPT:
                self._covered.clear()
            found = self._covered[place] = token_covers(token, host, path)
        return found


def _candidates(config: EmulatorConfig, connection: HybridConnection | None, name: str) -> list[Rule]:
    """Entity rules are tried first, then namespace rules (relay protocol 2.1).

    Where no such hybrid connection exists, any rule of the namespace that signed the token proves that its bearer
    belongs here and may be told so (404): otherwise a namespace without rules of its own could never say it.
    """
    rules: Iterable[Rule] = config.all_rules() if connection is None else (*connection.rules, *config.rules)
    return [rule for rule in rules if rule.name == name]


def _signing_rule(candidates: list[Rule], token: SasToken) -> Rule:
    for rule in candidates:
        try:
            # Long ago: whether it is expired is looked at with every use, and only for what is signed.
            verify_token(token, rule.keys, float("-inf"))
        except TokenSignatureInvalid:
            continue
        return rule
    # An unknown rule reads the same as a wrong key: names of rules are nobody's business.
    raise Refusal(401, "InvalidSignature: The token has an invalid signature")
