"""What a tag is called on a screen: as the site calls it, or in the trade's word of the reader's language.

A site that names a tag by its canonical key alone leaves the word to us: its agent then sends the usual English one.
That word is said in the reader's language; a name of the site's own stays as it is.
"""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

from relay_bridge.contract.messages import CatalogTag

# By canonical key, as the agent says them. API MPMS 3 and 12 have the words of tanks.
USUAL: dict[str, str] = {
    "level": gettext_noop("Level"),
    "ullage": gettext_noop("Ullage"),
    "level_rate": gettext_noop("Level rate"),
    "water_level": gettext_noop("Free water level"),
    "temp_avg": gettext_noop("Average temperature"),
    "temp_vapour": gettext_noop("Vapour temperature"),
    "temp_ambient": gettext_noop("Ambient temperature"),
    "pressure": gettext_noop("Pressure"),
    "pressure_vapour": gettext_noop("Vapour pressure"),
    "pressure_middle": gettext_noop("Middle pressure"),
    "pressure_bottom": gettext_noop("Bottom pressure"),
    "density_obs": gettext_noop("Observed density"),
    "density_ref": gettext_noop("Reference density"),
    "tov": gettext_noop("Total observed volume"),
    "fwv": gettext_noop("Free water volume"),
    "gov": gettext_noop("Gross observed volume"),
    "gsv": gettext_noop("Gross standard volume"),
    "nsv": gettext_noop("Net standard volume"),
    "available_room": gettext_noop("Available room"),
    "pumpable": gettext_noop("Pumpable volume"),
    "capacity": gettext_noop("Capacity"),
    "ctl": gettext_noop("CTL"),
    "vcf": gettext_noop("Volume correction factor"),
    "mass": gettext_noop("Mass"),
    "flow": gettext_noop("Flow"),
    "product": gettext_noop("Product"),
    "movement": gettext_noop("Movement"),
    "movement_from": gettext_noop("Moved from"),
    "movement_to": gettext_noop("Moved to"),
    "movement_planned": gettext_noop("Planned quantity"),
    "movement_done": gettext_noop("Moved so far"),
    "movement_finish": gettext_noop("Predicted finish"),
    "gauge_status": gettext_noop("Gauge status"),
    "lim_hh": gettext_noop("High-high limit"),
    "lim_h": gettext_noop("High limit"),
    "lim_l": gettext_noop("Low limit"),
    "lim_ll": gettext_noop("Low-low limit"),
    "height_ref": gettext_noop("Reference height"),
    "max_fill": gettext_noop("Maximum fill"),
    "leak_alarm": gettext_noop("Leak alarm"),
    "sealed": gettext_noop("Sealed"),
    "setpoint": gettext_noop("Setpoint"),
    "run": gettext_noop("Running"),
    "mode": gettext_noop("Mode"),
    "speed": gettext_noop("Speed"),
    "current": gettext_noop("Motor current"),
    "power": gettext_noop("Power"),
    "pressure_suction": gettext_noop("Suction pressure"),
    "pressure_discharge": gettext_noop("Discharge pressure"),
    "running_hours": gettext_noop("Running hours"),
}
_WORDS = frozenset(USUAL.values())
SPOT = gettext_noop("Temperature %(n)s")  # counted from the bottom
_SPOT_KEY = "temp_point_"


def tag_name(tag: CatalogTag) -> str:
    """The name of ``tag`` for people; never empty."""
    if has_usual_name(tag):
        return usual_word(tag.name)
    n = tag.canon.removeprefix(_SPOT_KEY)
    if n != tag.canon and tag.name == SPOT % {"n": n}:
        return gettext(SPOT) % {"n": n}
    return tag.name or tag.id


def has_usual_name(tag: CatalogTag) -> bool:
    """Whether its site left the word to us. (Spot thermometers are counted, and no single word.)"""
    return bool(tag.name) and USUAL.get(tag.canon) == tag.name


def usual_word(kept: str) -> str:
    """A usual name, which is kept in English, in the reader's language; anything else as it is."""
    return gettext(kept) if kept in _WORDS else kept
