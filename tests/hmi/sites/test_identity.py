"""The two ends' own certificates: made once, fit for their side only, never half there."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from hmi.sites.identity import IdentityError, ensure_web_app_identity, make_identity, own_thumbprint
from hmi.sites.secret_files import write_private, write_public
from relay_bridge.secure_channel.errors import PeerNotTrusted, SecureChannelError
from relay_bridge.secure_channel.inner_tls import InnerTls
from relay_bridge.secure_channel.pins import read_pin

NOW = dt.datetime.now(dt.UTC)


def shake_hands(tmp_path: Path, client: tuple[str, str], server: tuple[str, str]) -> tuple[InnerTls, InnerTls]:
    ends = []
    for side, own, peer in (("client", client, server), ("server", server, client)):
        write_public(tmp_path / f"{side}.pem", own[0])
        write_private(tmp_path / f"{side}.key", own[1])
        ends.append(InnerTls(side, tmp_path / f"{side}.pem", tmp_path / f"{side}.key", peer[0]))
    one, other = ends
    for _ in range(4):
        other.receive_bytes(one.data_to_send())
        one.receive_bytes(other.data_to_send())
    return one, other


def test_both_ends_accept_what_provisioning_makes(tmp_path: Path) -> None:
    ends = shake_hands(tmp_path, make_identity("web app", "https://hmi", NOW), make_identity("agent", "north", NOW))
    assert all(end.handshake_complete for end in ends)


def test_certificate_of_one_side_is_no_good_on_the_other(tmp_path: Path) -> None:
    with pytest.raises(SecureChannelError):
        shake_hands(tmp_path, make_identity("web app", "w", NOW), make_identity("web app", "w", NOW))


def test_after_two_years_it_is_over(tmp_path: Path) -> None:
    old = make_identity("agent", "north", NOW - dt.timedelta(days=731))
    with pytest.raises(PeerNotTrusted, match="expired"):
        shake_hands(tmp_path, make_identity("web app", "w", NOW), old)


def test_web_app_identity_is_made_once(bridge: Any) -> None:
    first = ensure_web_app_identity(NOW)
    assert ensure_web_app_identity(NOW) == first
    assert own_thumbprint() == read_pin(first).thumbprint


def test_half_an_identity_is_refused_and_left_alone(bridge: Any) -> None:
    ensure_web_app_identity(NOW)
    bridge.web_app_key.unlink()
    with pytest.raises(IdentityError, match="only one exists"):
        ensure_web_app_identity(NOW)


def test_long_site_names_fit() -> None:
    assert make_identity("agent", "n" * 200, NOW)
