"""Controls as words: a unit's section of controls, the dialog's limits, a change on its way to the plant's answer."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from hmi.controls.models import Change, Kind
from hmi.controls.offers import Offer
from hmi.controls.typed_values import choices_of, plain
from hmi.screens.presenters.values import value_text, value_words
from hmi.screens.presenters.words import moment_text
from relay_bridge.contract.acting import ActValue, TraceRow
from relay_bridge.contract.messages import CatalogTag

ADDRESSES = {Kind.SETPOINT: "setpoint", Kind.COMMAND: "command"}
RESULTS = {
    "done": "Done", "sent": "Taken, reads otherwise", "refused": "Refused", "unknown_outcome": "Not known",
}  # fmt: skip
WHATS = {"write": "Set", "cmd": "Command", "ack": "Acknowledged", "confirm": "Confirmed", "shelve": "Shelved"}


@dataclass(frozen=True)
class ShownControl:
    """A way to a dialog; ``words`` stand on the button."""

    words: str
    href: str


@dataclass(frozen=True)
class ShownChoice:
    value: str
    words: str
    current: bool


@dataclass(frozen=True)
class ShownChange:
    """A change as its page tells it. ``state`` with what time made of it; times in the site's zone."""

    title: str
    href: str
    state: str
    words: str
    new: str
    old: str
    before: str
    after: str
    sent: str
    ends: str
    person: str
    approver: str


def show_control(offer: Offer, slug: str) -> ShownControl:
    words = f"Change {offer.name}" if offer.kind is Kind.SETPOINT else offer.name
    return ShownControl(words, reverse(f"screens:{ADDRESSES[offer.kind]}", args=[slug, offer.target]))


def with_unit(value: object, tag: CatalogTag | None, unit: str | None = None) -> str:
    """``75.0 m³/h``, ``running``: a value as the screens show it."""
    if tag is None:
        return f"{value}{f' {unit}' if unit else ''}"
    text = value_text(value, tag, value_words(tag))
    return f"{text} {tag.unit}" if tag.unit else text


def limit_words(offer: Offer) -> str:
    """``20 to 110 m³/h, in steps of 0.5, at most 15 at a time``; empty where there is nothing to say."""
    limits = offer.limits
    if limits is None or choices_of(offer) is not None:
        return ""
    unit = f" {offer.tag.unit}" if offer.tag.unit else ""
    parts = []
    if limits.min is not None and limits.max is not None:
        parts.append(f"{plain(limits.min)} to {plain(limits.max)}{unit}")
    if limits.step is not None:
        parts.append(f"in steps of {plain(limits.step)}")
    if limits.max_step is not None:
        parts.append(f"at most {plain(limits.max_step)} more or less at a time")
    return ", ".join(parts)


def show_choices(offer: Offer, current: object) -> tuple[ShownChoice, ...]:
    """What a value is chosen from; the form sends the place in the list."""
    words = value_words(offer.tag)
    return tuple(
        ShownChoice(str(place), value_text(choice, offer.tag, words), choice == current)
        for place, choice in enumerate(choices_of(offer) or ())
    )


def show_change(change: Change, tag: CatalogTag | None, now: datetime, zone: zoneinfo.ZoneInfo) -> ShownChange:
    """``tag``: the catalog's row of what is read, where the catalog is known."""
    state = change.state_at(now)
    ends = change.ends_at()
    return ShownChange(
        title=change.name,
        href=change_address(change),
        state=state.value,
        words=state.label,
        new=change.value_shown,
        old=change.expected_shown,
        before="" if change.before is None else with_unit(change.before, tag, change.unit),
        after="" if change.after is None else with_unit(change.after, tag, change.unit),
        sent=clock(change.sent_at, zone, now),
        ends=clock(ends, zone, now),
        person=str(change.person),
        approver="" if change.approver is None else str(change.approver),
    )


def change_address(change: Change, step: str = "change") -> str:
    """The page of a change, or of one of its steps: ``send``, ``agree``, ``put-away``, ``ask-again``."""
    return reverse(f"screens:{ADDRESSES[Kind(change.kind)]}-{step}", args=[change.site.slug, change.pk])


@dataclass(frozen=True)
class ShownAction:
    """A line of "my last actions here", as the site has it."""

    when: str
    what: str
    result: str
    detail: str


def show_trace(
    rows: list[TraceRow], tags: Mapping[str, CatalogTag], zone: zoneinfo.ZoneInfo, now: int
) -> tuple[ShownAction, ...]:
    shown = []
    for row in rows:
        tag = tags.get(row.target)
        read = [f"{word} {with_unit(value, tag)}" for word, value in (("before", row.before), ("after", row.after))
                if value is not None]  # fmt: skip
        detail = ", ".join([*read, *(text for text in (row.msg, row.why) if text)])
        name = tag.name if tag is not None and tag.name else row.target
        what = f"{WHATS.get(row.what, row.what)} {name}"
        shown.append(ShownAction(moment_text(row.t, zone, now), what, RESULTS.get(row.res, row.res), detail))
    return tuple(shown)


def clock(moment: datetime | None, zone: zoneinfo.ZoneInfo, now: datetime) -> str:
    """``14:02:03`` in the site's time, with the date when that is another day; empty for none."""
    if moment is None:
        return ""
    return moment_text(int(moment.timestamp() * 1000), zone, int(now.timestamp() * 1000))


def shown_value(offer: Offer, value: ActValue) -> str:
    """The new value as the pages tell it; a command is told by its name."""
    return with_unit(value, offer.tag) if offer.kind is Kind.SETPOINT else offer.name
