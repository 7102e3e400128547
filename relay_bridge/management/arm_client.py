"""The Azure SDK's relay client with everything around it that we decide ourselves: addresses, tokens, no logging.

The only file that knows the SDK's models. Its answers leave here as our own plain types.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest, policies
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy
from azure.mgmt.relay import RelayAPIMgmtClient
from azure.mgmt.relay.models import (
    AccessKeys,
    AuthorizationRule,
    AuthorizationRuleProperties,
    HybridConnection,
    HybridConnectionProperties,
    RegenerateAccessKeyParameters,
)

from relay_bridge.management.addresses import check_emulator_url
from relay_bridge.management.calls import call
from relay_bridge.management.errors import Refused
from relay_bridge.management.keys import RuleKeys, Which
from relay_bridge.management.plane import ConduitState, Timing
from relay_bridge.protocol.connection_string import ConnectionString, parse_connection_string
from relay_bridge.protocol.errors import ConnectionStringError

_ARM_SCOPE: Final = "https://management.azure.com/.default"
_NO_SUBSCRIPTION: Final = "00000000-0000-0000-0000-000000000000"  # the emulator takes any
_KEY_TYPES: Final[dict[Which, str]] = {"primary": "PrimaryKey", "secondary": "SecondaryKey"}


def azure_client(subscription_id: str, credential: Any = None) -> RelayAPIMgmtClient:
    """Azure's own plane. ``credential``: by default the identity that azure-identity finds on this machine."""
    if credential is None:
        from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - slow, and not needed for the emulator

        credential = DefaultAzureCredential()
    # CAE: a token that was withdrawn is refused at once, and the policy fetches another.
    authentication = ARMChallengeAuthenticationPolicy(credential, _ARM_SCOPE, enable_cae=True)
    return RelayAPIMgmtClient(
        credential, subscription_id, authentication_policy=authentication, policies=_policies(authentication)
    )


def emulator_client(url: str, token: str) -> RelayAPIMgmtClient:
    """The emulator's plane. The token goes over plain http on loopback only; ``Refused`` for another address."""
    base_url = check_emulator_url(url)
    if not token or not token.isprintable() or not token.isascii():
        raise Refused("The token of the relay's management port is empty or not one printable line.")
    authentication = _EmulatorToken(token)
    return RelayAPIMgmtClient(
        _NoCredential(),
        _NO_SUBSCRIPTION,
        base_url,
        authentication_policy=authentication,
        policies=_policies(authentication),
        use_env_settings=False,  # no proxy and no netrc between us and a port of this machine
    )


class ArmClient:
    """The calls we use, on one namespace, each through ``calls.call`` with its deadline and our errors."""

    def __init__(
        self, client: RelayAPIMgmtClient, resource_group: str, namespace: str, place: str, timing: Timing
    ) -> None:
        self._client = client
        self._at = (resource_group, namespace)
        self._place = f"{place} (namespace {namespace})"
        self._timing = timing

    def close(self) -> None:
        self._client.close()

    def get_namespace(self) -> None:
        self._call("the namespace", self._client.namespaces.get, lambda _: None)

    def list_hybrid_connections(self) -> list[ConduitState]:
        return self._call(
            "the hybrid connections",
            lambda *args, **kwargs: list(self._client.hybrid_connections.list_by_namespace(*args, **kwargs)),
            lambda found: [_state(each) for each in found],
        )

    def get_hybrid_connection(self, path: str) -> ConduitState:
        return self._call(f"hybrid connection {path!r}", self._client.hybrid_connections.get, _state, path)

    def put_hybrid_connection(self, path: str) -> None:
        what = HybridConnection(properties=HybridConnectionProperties(requires_client_authorization=True))
        self._call(
            f"hybrid connection {path!r}", self._client.hybrid_connections.create_or_update, lambda _: None, path, what
        )

    def delete_hybrid_connection(self, path: str) -> None:
        self._call(f"hybrid connection {path!r}", self._client.hybrid_connections.delete, lambda _: None, path)

    def list_rules(self, path: str) -> dict[str, frozenset[str]]:
        operations = self._client.hybrid_connections
        return self._call(
            f"the rules of hybrid connection {path!r}",
            lambda *args, **kwargs: list(operations.list_authorization_rules(*args, **kwargs)),
            lambda found: {
                str(each.name): frozenset(str(getattr(right, "value", right)) for right in each.rights or ())
                for each in found
            },
            path,
        )

    def put_rule(self, path: str, rule: str, right: str) -> None:
        create = self._client.hybrid_connections.create_or_update_authorization_rule
        what = AuthorizationRule(properties=AuthorizationRuleProperties(rights=[right]))
        self._call(f"rule {rule!r} of hybrid connection {path!r}", create, lambda _: None, path, rule, what)

    def delete_rule(self, path: str, rule: str) -> None:
        delete = self._client.hybrid_connections.delete_authorization_rule
        self._call(f"rule {rule!r} of hybrid connection {path!r}", delete, lambda _: None, path, rule)

    def list_keys(self, path: str, rule: str) -> RuleKeys:
        return self._call(
            f"the keys of rule {rule!r} of hybrid connection {path!r}",
            self._client.hybrid_connections.list_keys, lambda keys: _rule_keys(path, rule, keys), path, rule,
        )  # fmt: skip

    def regenerate_key(self, path: str, rule: str, which: Which) -> RuleKeys:
        # Repeated after a lost answer it makes yet another key: the one that is reported is the one that holds.
        return self._call(
            f"the {which} key of rule {rule!r} of hybrid connection {path!r}",
            self._client.hybrid_connections.regenerate_keys, lambda keys: _rule_keys(path, rule, keys),
            path, rule, RegenerateAccessKeyParameters(key_type=_KEY_TYPES[which]),
        )  # fmt: skip

    def _call(self, what: str, do: Callable[..., Any], read: Callable[[Any], Any], *arguments: Any) -> Any:
        return call(
            what,
            lambda **options: read(do(*self._at, *arguments, **options)),
            place=self._place,
            clock=self._timing.clock,
            sleep=self._timing.sleep,
            random=self._timing.random,
        )


class _EmulatorToken(policies.SansIOHTTPPolicy[Any, Any]):
    """Puts the token on each request. The SDK's own policy refuses plain http, which on loopback is meant."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def on_request(self, request: PipelineRequest[Any]) -> None:
        check_emulator_url("{0.scheme}://{0.netloc}".format(urlsplit(request.http_request.url)))
        request.http_request.headers["Authorization"] = self._header


class _NoCredential:
    """Stands where the SDK wants a credential; the policy above is what is used."""

    def get_token(self, *_scopes: str, **_options: Any) -> Any:
        raise AssertionError("the emulator's token comes from its own policy")


def _policies(authentication: Any) -> list[Any]:
    """No logging (answers hold keys), no redirects, no retries of unknown length (``calls`` has its own)."""
    return [
        policies.RequestIdPolicy(),
        policies.UserAgentPolicy("sightline"),
        policies.ProxyPolicy(),
        policies.ContentDecodePolicy(),
        authentication,
    ]


def _state(found: HybridConnection) -> ConduitState:
    return ConduitState(
        path=str(found.name),
        listeners=int(found.listener_count or 0),
        requires_client_authorization=found.requires_client_authorization is not False,
        created=found.created_at,
    )


def _rule_keys(path: str, rule: str, keys: AccessKeys) -> RuleKeys:
    return RuleKeys(
        rule,
        _connection(path, rule, keys.primary_connection_string),
        _connection(path, rule, keys.secondary_connection_string),
    )


def _connection(path: str, rule: str, text: str | None) -> ConnectionString:
    try:
        connection = parse_connection_string(text or "")
    except ConnectionStringError as error:
        raise Refused(f"The relay's connection string for rule {rule!r} cannot be used: {error}.") from None
    if connection.key is None or (connection.entity_path or "").lower() != path.lower() or connection.key_name != rule:
        raise Refused(f"The relay's connection string for rule {rule!r} of {path!r} is one of something else.")
    return connection
