"""What the site has recorded of a person's own actions, as it is shown."""

from __future__ import annotations

import zoneinfo

from hmi.screens.presenters.controls import show_trace
from hmi.sites.catalog import Catalog
from relay_bridge.contract.acting import TraceRow
from relay_bridge.contract.alarms import AlarmRow
from relay_bridge.contract.messages import CatalogAsset, CatalogTag

T = 1_795_370_000_000
UTC = zoneinfo.ZoneInfo("UTC")
CATALOG = Catalog(
    "1",
    assets=(CatalogAsset(id="P-101", name="Transfer pump P-101", area="", kind="pump"),),
    tags=(CatalogTag(id="P-101.sp", name="Setpoint", asset="P-101", source="main", canon="setpoint"),),
)
LOW = AlarmRow(id="6c4c7c94", eid="e1", source="main", name="TK-204 level", cond="Low", sev=700, act=True, ack=True)


def test_an_alarm_is_called_by_its_name_while_it_is_on_the_list() -> None:
    rows = [
        TraceRow(T, "ack", "6c4c7c94", "ok", "k1"),
        TraceRow(T, "shelve", "0000aaaa", "ok", "k2"),
        TraceRow(T, "write", "P-101.sp", "done", "k3", before=60.0, after=65.0),
    ]
    shown = [row.what for row in show_trace(rows, CATALOG, UTC, T, {LOW.id: LOW})]
    assert shown == ["Acknowledged TK-204 level Low", "Shelved 0000aaaa", "Set Transfer pump P-101: Setpoint"]
