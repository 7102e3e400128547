"""Presented tokens on one session: single use for writes, and no longer life because somebody set the clock back."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay_bridge.agent.admission import Admission, Admitted
from relay_bridge.agent.handles import Handles
from relay_bridge.agent.memories import BLIND_TIME, AdmissionMemory
from relay_bridge.agent.replay_store import ReplayStore
from relay_bridge.agent.trust import parse_token_keys
from relay_bridge.contract.errors import RequestRefused
from tests.relay_bridge.agent.support import AUDIENCE, ISSUER, ManualClock, SiteFolder
from tests.relay_bridge.agent.test_admission import write_token


class Desk:
    def __init__(self, site: SiteFolder, folder: Path) -> None:
        self.site, self.clock = site, ManualClock()
        keys = parse_token_keys((site.folder / "trust/issuer.jwks.json").read_text(), where="keys")
        memory = AdmissionMemory(ReplayStore(folder / "memory.sqlite3"))
        memory.open(self.clock.wall() - BLIND_TIME)
        self.admission = Admission(keys, issuer=ISSUER, audience=AUDIENCE, memory=memory)
        self.handles = Handles(self.admission, self.clock)

    def admit(self, token: str) -> Admitted:
        return self.admission.admit(token, self.site.web_app_thumbprint, self.clock.wall(), session="s1")

    def present(self, token: str) -> int:
        return self.handles.present(self.admit(token), None)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(SiteFolder(tmp_path), tmp_path)


def test_token_that_writes_is_good_for_one_call(desk: Desk) -> None:
    handle = desk.present(write_token(desk.site, now=int(desk.clock.wall())))
    with pytest.raises(RequestRefused, match="does not carry"):  # a wrong question does not use it up
        desk.handles.require(handle, "data:live")
    admitted = desk.handles.require(handle, "setpoint:write")
    assert admitted.write is not None and admitted.write.tag == "FT-1.sp"
    with pytest.raises(RequestRefused) as refused:
        desk.handles.require(handle, "setpoint:write")
    assert refused.value.code == "auth"


def test_token_that_reads_is_good_until_it_is_over(desk: Desk) -> None:
    handle = desk.present(desk.site.token(now=desk.clock.wall(), life=120))
    for _ in range(3):
        assert desk.handles.require(handle, "data:live")
    desk.clock.move(149)
    assert desk.handles.require(handle, "data:live")
    desk.clock.move(1)
    with pytest.raises(RequestRefused):
        desk.handles.require(handle, "data:live")


def test_clock_set_back_gives_no_token_a_longer_life(desk: Desk) -> None:
    handle = desk.present(desk.site.token(now=desk.clock.wall(), life=120))
    desk.clock.move(140)
    desk.clock.now -= 3600  # the wall clock alone
    assert desk.handles.require(handle, "data:live")
    desk.clock.move(11)
    with pytest.raises(RequestRefused):
        desk.handles.require(handle, "data:live")
    assert desk.handles.lease_left() == 0.0


def test_dropped_token_opens_nothing_more(desk: Desk) -> None:
    first, second = (desk.present(desk.site.token(now=desk.clock.wall())) for _ in range(2))
    assert desk.handles.lease_left() > 0
    assert desk.handles.drop([first, 99, first]) == 1
    with pytest.raises(RequestRefused):
        desk.handles.require(first, "data:live")
    assert desk.handles.require(second, "data:live") and desk.handles.lease_left() > 0
    assert desk.handles.drop([second]) == 1
    assert (desk.handles.lease_left(), len(desk.handles)) == (0.0, 0)
    with pytest.raises(RequestRefused):  # nobody brings it back: a renewal needs a handle that is known
        desk.handles.present(desk.admit(desk.site.token(now=desk.clock.wall())), second)
