"""Who may listen and who may send: shared access signatures against the rules of a hybrid connection."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from relay_bridge.emulator.namespace import EmulatorConfig, HybridConnection, Right, Rule
from relay_bridge.emulator.refusals import Refusal
from relay_bridge.protocol.errors import TokenExpired, TokenMalformed, TokenSignatureInvalid
from relay_bridge.protocol.sas import SasToken, parse_token, token_covers, verify_token


@dataclass(frozen=True)
class Permit:
    """A token that was found good. ``expires_at`` is Unix seconds."""

    rule: str
    expires_at: int


def authorize(
    config: EmulatorConfig, token_text: str | None, right: Right, *, host: str, path: str, now: float
) -> Permit:
    """Check a token for ``right`` at ``host``/``path`` (hybrid connection and suffix), at ``now`` (Unix seconds).

    Raises ``Refusal``: 401 missing, malformed, unknown rule, bad signature, expired; 403 another path or a missing
    right; 404 no such hybrid connection. Authorization comes first, so a stranger is told nothing about what exists.
    """
    if not token_text:
        raise Refusal(401, "MissingToken: The request carries no token")
    try:
        token = parse_token(token_text)
    except TokenMalformed as error:
        raise Refusal(401, f"MalformedToken: The token has an invalid signature or form, {error}") from error
    connection = config.find(path)
    rule = _signing_rule(_candidates(config, connection, token.key_name), token, now)
    if not token_covers(token, host, path):
        raise Refusal(403, "The token is for another resource than the one asked for")
    if connection is None:
        raise Refusal(404, "Endpoint does not exist")
    if not rule.allows(right):
        raise Refusal(403, f"Unauthorized access. '{right}' claim is required to perform this operation")
    return Permit(rule.name, token.expires_at)


def _candidates(config: EmulatorConfig, connection: HybridConnection | None, name: str) -> list[Rule]:
    """Entity rules are tried first, then namespace rules (relay protocol 2.1).

    Where no such hybrid connection exists, any rule of the namespace that signed the token proves that its bearer
    belongs here and may be told so (404): otherwise a namespace without rules of its own could never say it.
    """
    rules: Iterable[Rule] = config.all_rules() if connection is None else (*connection.rules, *config.rules)
    return [rule for rule in rules if rule.name == name]


def _signing_rule(candidates: list[Rule], token: SasToken, now: float) -> Rule:
    for rule in candidates:
        try:
            verify_token(token, rule.keys, now)
        except TokenSignatureInvalid:
            continue
        except TokenExpired as error:
            moment = datetime.fromtimestamp(token.expires_at, UTC).strftime("%m/%d/%Y %H:%M:%S")
            raise Refusal(401, f"ExpiredToken: The token is expired. Expiration time: {moment}") from error
        return rule
    # An unknown rule reads the same as a wrong key: names of rules are nobody's business.
    raise Refusal(401, "InvalidSignature: The token has an invalid signature")
