"""A hand-over as it is read, on the screen and on paper: its plain data in words, in the site's time."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hmi.alarms.arranging import BAND_WORDS
from hmi.alarms.presenting import LETTERS
from hmi.controls.models import State
from hmi.screens.presenters.words import at, date_text, moment_text, since_text
from hmi.shifts.content import GAP_CUT, GAP_JOURNAL, GAP_LIST, GAP_SINCE, SECTIONS
from hmi.shifts.models import HandOver, Stage
from hmi.sites.reasons import reason_words


@dataclass(frozen=True)
class ShownLine:
    """``letter`` and ``priority`` of an alarm; ``loud``: something that must not be overlooked."""

    moment: str
    name: str
    words: str
    said: str = ""
    href: str = ""
    letter: str = ""
    band: str = ""
    priority: str = ""
    id: str = ""
    loud: bool = False


@dataclass(frozen=True)
class ShownSection:
    """``typed``: what the person who goes added. ``left_out``: rows that are counted only."""

    key: str
    title: str
    lines: tuple[ShownLine, ...]
    total: int
    note: str
    typed: str
    nothing: str
    has_rows: bool

    @property
    def left_out(self) -> int:
        return self.total - len(self.lines)


@dataclass(frozen=True)
class ShownHandOver:
    """Everything of a hand-over but what a person may do with it."""

    span: str
    drawn: str
    stage: str
    stage_words: str
    outgoing: str
    outgoing_at: str
    incoming: str
    incoming_at: str
    gaps: tuple[str, ...]
    sections: tuple[ShownSection, ...]
    digest: str
    reviewed: tuple[str, ...]


def show_hand_over(row: HandOver, slug: str, zone: zoneinfo.ZoneInfo) -> ShownHandOver:
    return ShownHandOver(
        span=span_text(row, zone),
        drawn=_moment(row.drawn_at, zone),
        stage=row.stage,
        stage_words=stage_text(row.stage),
        outgoing=row.outgoing_name,
        outgoing_at=_moment(row.outgoing_at, zone),
        incoming=row.incoming_name,
        incoming_at=_moment(row.incoming_at, zone),
        gaps=tuple(_gap(code) for code in row.events.get("gaps", [])),
        sections=tuple(_section(key, row, slug, zone) for key in SECTIONS),
        digest=row.digest,
        reviewed=tuple(each["name"] for each in row.reviewed),
    )


def span_text(row: HandOver, zone: zoneinfo.ZoneInfo) -> str:
    """``23 Nov 2026 06:00 to 14:00``; both dates where they differ."""
    start, end = row.start.astimezone(zone), row.end.astimezone(zone)
    last = f"{end:%H:%M}" if start.date() == end.date() else f"{date_text(end)} {end:%H:%M}"
    return _("%(start)s to %(end)s") % {"start": f"{date_text(start)} {start:%H:%M}", "end": last}


def stage_text(stage: str) -> str:
    return {
        Stage.DRAFT: _("draft, not signed"),
        Stage.GIVEN: _("waits for the second signature"),
        Stage.TAKEN: _("signed by both"),
    }[Stage(stage)]


def _section(key: str, row: HandOver, slug: str, zone: zoneinfo.ZoneInfo) -> ShownSection:
    title, nothing = _titles()[key]
    part = row.events.get(key, {})
    show = _LINES.get(key)
    end = int(row.drawn_at.timestamp() * 1000)
    lines = tuple(show(each, slug, zone, end) for each in part.get("rows", [])) if show is not None else ()
    note = ""
    if key == "alarms" and part.get("came"):
        came = part["came"]
        note = ngettext("%(count)d alarm came in all.", "%(count)d alarms came in all.", came) % {"count": came}
    if key == "link":
        note = _("The link is known only while somebody looks at the site.")
    typed = row.words.get(key, "")
    return ShownSection(key, title, lines, part.get("total", 0), note, typed, nothing, show is not None)


def _titles() -> dict[str, tuple[str, str]]:
    """By section its title, and what is said when there is nothing in it."""
    return {
        "general": (_("In general"), ""),
        "standing": (_("Alarms that stand or wait now"), _("None.")),
        "shelved": (_("Shelved or suppressed alarms"), _("None.")),
        "alarms": (_("Alarms that came in the shift"), _("None.")),
        "acts": (_("Acknowledged and shelved"), _("Nothing.")),
        "changes": (_("Setpoints and commands"), _("None was sent from here.")),
        "link": (_("Link to the site and switch at the plant"), _("No loss is known.")),
        "notes": (_("Notes"), _("None was written.")),
    }


def _gap(code: str) -> str:
    return {
        GAP_LIST: _("The alarm list was not current when the events were drawn: what stands and what is shelved may "
                    "be otherwise."),
        GAP_JOURNAL: _("The site did not tell its past alarms: what came and what was done is missing."),
        GAP_CUT: _("More happened than is read here: the oldest events of the shift are missing."),
        GAP_SINCE: _("The site keeps no events of the beginning of this shift."),
    }.get(code, _("Something is missing."))  # fmt: skip


def _priority(band: str) -> str:
    return str(BAND_WORDS.get(band, band))


def _alarm_head(row: Mapping[str, Any], slug: str) -> dict[str, Any]:
    return {
        "name": " ".join(filter(None, [row["name"], row["kind"]])),
        "href": reverse("alarms:detail", args=[slug, row["id"]]),
        "letter": LETTERS.get(row.get("band", ""), ""),
        "band": row.get("band", ""),
        "priority": _priority(row.get("band", "")),
        "id": row["id"],
    }


def _standing(row: Mapping[str, Any], slug: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    return ShownLine(
        moment=since_text(row["t"], zone, now),
        words=_state(row),
        said=row["comment"],
        loud=not row["ack"],
        **_alarm_head(row, slug),
    )


def _shelved(row: Mapping[str, Any], slug: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    if row["until"] > 0:
        words = _("shelved until %(moment)s") % {"moment": since_text(row["until"], zone, now)}
    elif row["until"]:
        words = _("shelved without an end")
    else:
        words = _("suppressed by the plant")
    return ShownLine(moment=since_text(row["t"], zone, now), words=words, said=row["comment"], **_alarm_head(row, slug))


def _state(row: Mapping[str, Any]) -> str:
    if row["act"]:
        return _("active, acknowledged") if row["ack"] else _("active, not acknowledged")
    return _("cleared, acknowledged") if row["ack"] else _("cleared, not acknowledged")


def _came(row: Mapping[str, Any], slug: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    first, last = since_text(row["first"], zone, now), since_text(row["last"], zone, now)
    count = row["count"]
    words = "" if count == 1 else ngettext(
        "%(count)d time, the last at %(last)s", "%(count)d times, the last at %(last)s", count
    ) % {"count": count, "last": last}  # fmt: skip
    return ShownLine(moment=first, words=words, **_alarm_head(row, slug))


def _act(row: Mapping[str, Any], slug: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    what = {
        "acknowledged": _("acknowledged"),
        "confirmed": _("confirmed"),
        "shelved": _("shelved"),
        "unshelved": _("back from the shelf"),
    }.get(row["what"], row["what"])
    by = _("%(what)s by %(person)s") % {"what": what, "person": row["by"]} if row["by"] else what
    return ShownLine(moment_text(row["t"], zone, now), words=by, said=row["comment"], **_alarm_head(row, slug))


def _change(row: Mapping[str, Any], slug: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    outcome = {
        State.DONE: _("done"),
        State.SENT: _("taken, reads otherwise"),
        State.REFUSED: _("refused"),
        State.UNKNOWN: _("outcome not known"),
        State.SENDING: _("sent, no answer yet"),
    }.get(State(row["state"]), row["state"])
    facts = {"old": row["old"], "new": row["new"], "outcome": outcome, "person": row["by"]}
    words = _("%(old)s to %(new)s by %(person)s: %(outcome)s") % facts
    if row["approver"]:
        words = _("%(words)s (agreed to by %(person)s)") % {"words": words, "person": row["approver"]}
    said = " · ".join(filter(None, [row["why"], row["message"]]))
    return ShownLine(
        moment_text(row["t"], zone, now), row["name"], words, said, loud=State(row["state"]) is not State.DONE
    )


def _link(row: Mapping[str, Any], slug: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    if row["what"] == "mode":
        mode, _space, by = row["detail"].partition(" ")
        words = {"off": _("switched off"), "read-only": _("read-only"), "full": _("fully open")}.get(mode, mode)
        name = _("Switch at the plant")
        return ShownLine(moment_text(row["t"], zone, now), name, words, by, loud=mode != "full")
    lost = row["what"] == "link-lost"
    name = _("Link lost") if lost else _("Link back")
    return ShownLine(moment_text(row["t"], zone, now), name, reason_words(row["detail"]), loud=lost)


def _note(row: Mapping[str, Any], slug: str, zone: zoneinfo.ZoneInfo, now: int) -> ShownLine:
    words = _("%(person)s, with a photo") % {"person": row["by"]} if row["photo"] else row["by"]
    href = reverse("notes:asset", args=[slug, row["asset"]])
    return ShownLine(moment_text(row["t"], zone, now), row["name"], words, row["text"], href)


_LINES: dict[str, Callable[[Mapping[str, Any], str, zoneinfo.ZoneInfo, int], ShownLine]] = {
    "standing": _standing, "shelved": _shelved, "alarms": _came, "acts": _act, "changes": _change, "link": _link,
    "notes": _note,
}  # fmt: skip


def _moment(moment: Any, zone: zoneinfo.ZoneInfo) -> str:
    if moment is None:
        return ""
    local = at(int(moment.timestamp() * 1000), zone)
    return f"{date_text(local)} {local:%H:%M:%S}"
