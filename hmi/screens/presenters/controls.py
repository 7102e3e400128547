"""Controls as words: a unit's section of controls, the dialog's limits, a change on its way to the plant's answer."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from hmi.alarms.presenting import alarm_name
from hmi.controls.models import Change, Kind, State
from hmi.controls.offers import Offer
from hmi.controls.typed_values import choices_of, plain
from hmi.languages.choices import SOURCE
from hmi.languages.numbers import localised
from hmi.screens.presenters.values import BOOL_WORDS, RUN_WORDS, value_text, value_words
from hmi.screens.presenters.words import NO_BREAK, moment_text, plain_number
from hmi.sites.catalog import Catalog
from hmi.sites.tag_names import tag_name, usual_word
from relay_bridge.contract.acting import ActValue, TraceRow
from relay_bridge.contract.alarms import AlarmRow
from relay_bridge.contract.authorization_details import same_value
from relay_bridge.contract.messages import CatalogTag
from relay_bridge.contract.readings import Reading

ADDRESSES = {Kind.SETPOINT: "setpoint", Kind.COMMAND: "command"}
RESULTS = {
    "done": _("Done"), "sent": _("Taken, reads otherwise"), "refused": _("Refused"), "unknown_outcome": _("Not known"),
}  # fmt: skip
WHATS = {
    "write": _("Set %(name)s"), "cmd": _("Command %(name)s"), "ack": _("Acknowledged %(name)s"),
    "confirm": _("Confirmed %(name)s"), "shelve": _("Shelved %(name)s"),
}  # fmt: skip
# What the web app itself says of an outcome; whatever the site says stands beside it.
OWN_WORDS = {
    "never-came": _("It never reached the site, and it is too late for it to arrive now."),
    "not-told": _("The site has not told what became of it."),
    "unreachable": _("The site cannot be reached."),
    "given-up": _("You cancelled it."),
    "declined": _("A second person did not agree."),
    "second-gone": _("The second person who agreed may not do this any more. Ask somebody else."),
}


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
    """A change as its page tells it. ``state`` with what time made of it; times in the site's zone.

    ``told``: why, in our words; ``said``: the same in the site's, or who said no.
    """

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
    told: str
    said: str
    is_setpoint: bool

    @property
    def waits_until(self) -> str:
        return self.ends if self.state == State.ASKED else ""


def show_control(offer: Offer, slug: str) -> ShownControl:
    words = gettext("Change %(name)s") % {"name": offer.spoken} if offer.kind is Kind.SETPOINT else offer.name
    return ShownControl(words, reverse(f"screens:{ADDRESSES[offer.kind]}", args=[slug, offer.target]))


def with_unit(value: object, tag: CatalogTag | None, unit: str | None = None) -> str:
    """``75.0 m³/h``, ``running``: a value as the screens show it."""
    if tag is None:
        text = localised(str(value)) if isinstance(value, float) else str(value)
        return f"{text}{NO_BREAK}{unit}" if unit else text
    text = value_text(value, tag, value_words(tag))
    return f"{text}{NO_BREAK}{tag.unit}" if tag.unit else text


def kept_text(value: object, tag: CatalogTag | None) -> str:
    """The same to be kept: in the language of the code, whoever asked, so that it reads the same to everybody."""
    with translation.override(SOURCE):
        return with_unit(value, tag).replace(NO_BREAK, " ")


def told_text(kept: str, value: object) -> str:
    """What was kept of ``value``, as the person reads numbers and our own words; a word of the plant stays as it is."""
    if isinstance(value, bool):
        return _of_our_own(kept)
    number, space, unit = kept.partition(" ")
    decimals = len(number.partition(".")[2])
    if not isinstance(value, int | float) or plain_number(value, decimals) != number:
        return kept
    return f"{localised(number)}{NO_BREAK if space else ''}{unit}"


def _of_our_own(kept: str) -> str:
    known = {**BOOL_WORDS, **RUN_WORDS}.values()
    with translation.override(SOURCE):
        words = {str(word): word for word in known}
    return str(words.get(kept, kept))


def limit_words(offer: Offer) -> str:
    """``20 to 110 m³/h, in steps of 0.5, at most 15 at a time``; empty where there is nothing to say."""
    limits = offer.limits
    if limits is None or choices_of(offer) is not None:
        return ""
    unit = f"{NO_BREAK}{offer.tag.unit}" if offer.tag.unit else ""
    parts = []
    if limits.min is not None and limits.max is not None:
        parts.append(gettext("%(low)s to %(high)s") % {"low": plain(limits.min), "high": f"{plain(limits.max)}{unit}"})
    if limits.step is not None:
        parts.append(gettext("in steps of %(step)s") % {"step": plain(limits.step)})
    if limits.max_step is not None:
        parts.append(gettext("at most %(step)s more or less at a time") % {"step": plain(limits.max_step)})
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
        title=_spoken_title(change),
        href=change_address(change),
        state=state.value,
        words=str(state.label),
        new=told_text(change.value_shown, change.value) if change.is_setpoint else change.value_shown,
        old=told_text(change.expected_shown, change.expected),
        before="" if change.before is None else with_unit(change.before, tag, change.unit),
        after="" if change.after is None else with_unit(change.after, tag, change.unit),
        sent=clock(change.sent_at, zone, now),
        ends=clock(ends, zone, now),
        person=str(change.person),
        approver="" if change.approver is None else str(change.approver),
        told=str(OWN_WORDS.get(change.code, "")),
        said=change.message,
        is_setpoint=change.is_setpoint,
    )


def moved_words(change: Change, offer: Offer | None, readings: Mapping[str, Reading]) -> str:
    """That the value is not any more what the person saw when they asked; empty when it is, or is not known.

    Only told: how much it may differ is the site's to judge.
    """
    reading = None if offer is None else readings.get(offer.tag.id)
    if offer is None or reading is None or reading.value is None or same_value(reading.value, change.expected):
        return ""
    now, then = with_unit(reading.value, offer.tag), told_text(change.expected_shown, change.expected)
    if now == then:
        return ""
    return gettext("It reads %(now)s now, and read %(then)s when this was asked for.") % {"now": now, "then": then}


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
    rows: list[TraceRow], catalog: Catalog, zone: zoneinfo.ZoneInfo, now: int, alarms: Mapping[str, AlarmRow]
) -> tuple[ShownAction, ...]:
    """``alarms``: those of the site's list by id, as far as the person may see them."""
    shown = []
    for row in rows:
        tag = catalog.tag(row.target)
        read = [
            words % {"value": with_unit(value, tag)}
            for words, value in ((gettext("before %(value)s"), row.before), (gettext("after %(value)s"), row.after))
            if value is not None
        ]
        detail = " \u00b7 ".join([*read, *(text for text in (row.msg, row.why) if text)])
        name = _whole_name(row.target, catalog, alarms)
        what = str(WHATS[row.what]) % {"name": name}
        result = str(RESULTS.get(row.res, row.res))
        shown.append(ShownAction(moment_text(row.t, zone, now), what, result, detail))
    return tuple(shown)


def _whole_name(target: str, catalog: Catalog, alarms: Mapping[str, AlarmRow]) -> str:
    """``Transfer pump P-101: Setpoint`` for a tag or a command of the catalog, ``TK-204 level Low`` for an alarm that
    is on the list; else the id under which the site keeps it."""
    if target in alarms:
        return alarm_name(alarms[target])
    thing = catalog.tag(target) or catalog.command(target)
    if thing is None:
        return target
    asset = catalog.asset(thing.asset)
    name = tag_name(thing) if isinstance(thing, CatalogTag) else thing.name or thing.id
    return f"{(asset.name or asset.id) if asset is not None else thing.asset}: {name}"


def _spoken_title(change: Change) -> str:
    """``P-101: Setpoint`` as it was kept, with the trade's word in the reader's language."""
    asset, colon, name = change.name.rpartition(": ")
    return f"{asset}{colon}{usual_word(name)}" if change.is_setpoint else change.name


def clock(moment: datetime | None, zone: zoneinfo.ZoneInfo, now: datetime) -> str:
    """``14:02:03`` in the site's time, with the date when that is another day; empty for none."""
    if moment is None:
        return ""
    return moment_text(int(moment.timestamp() * 1000), zone, int(now.timestamp() * 1000))


def shown_value(offer: Offer, value: ActValue) -> str:
    """The new value as it is kept; a command is told by its name."""
    return kept_text(value, offer.tag) if offer.kind is Kind.SETPOINT else offer.name
