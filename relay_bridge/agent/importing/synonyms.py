"""Which names of variables mean which canonical key. Folded: small letters and digits only, accents taken off.

The first name of a key is the surest; where two variables of a tank claim the same key, the surer name has it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from relay_bridge.agent.vocabulary import CANON, TEMP_POINTS

_TABLE: Final[dict[str, str]] = {
    "level": "level productlevel tanklevel liquidlevel lvl innage li lt fillinglevel fuellstand fullstand niveau nivel",
    "ullage": "ullage ullg ullagelevel productullage",
    "level_rate": "levelrate levelrateofchange lvlrate levelspeed levelroc ratelevel",
    "water_level": "waterlevel freewater freewaterlevel fwl fwlevel waterinterface interfacelevel bottomwater water",
    "temp_avg": "tempavg avgtemp averagetemp averagetemperature avgtemperature temperatureavg tempaverage producttemp "
    "producttemperature liquidtemp liquidtemperature meantemp temp temperature ti tt",
    "temp_vapour": "tempvapour tempvapor vapourtemp vaportemp vapourtemperature vaportemperature gastemp "
    "gastemperature",
    "temp_ambient": "tempambient ambienttemp ambienttemperature airtemp airtemperature",
    "pressure": "pressure press pi pt",
    "pressure_vapour": "pressurevapour pressurevapor vapourpressure vaporpressure vapourpress vaporpress gaspressure",
    "pressure_middle": "pressuremiddle middlepressure midpressure",
    "pressure_bottom": "pressurebottom bottompressure hydrostaticpressure",
    "density_obs": "densityobs obsdensity observeddensity density dens productdensity liquiddensity",
    "density_ref": "densityref refdensity referencedensity density15 density15c densityat15 densityat15c "
    "standarddensity stddensity densitystd",
    "tov": "tov totalobservedvolume totalobsvolume totalvolume",
    "fwv": "fwv freewatervolume watervolume",
    "gov": "gov grossobservedvolume grossobsvolume",
    "gsv": "gsv grossstandardvolume grossstdvolume standardvolume stdvolume",
    "nsv": "nsv netstandardvolume netstdvolume",
    "available_room": "availableroom availroom room roomvolume ullagevolume remainingvolume",
    "pumpable": "pumpable pumpablevolume",
    "capacity": "capacity tankcapacity workingcapacity",
    "ctl": "ctl",
    "vcf": "vcf volumecorrectionfactor volcorrfactor",
    "mass": "mass productmass liquidmass totalmass weight",
    "flow": "flow flowrate volumeflow flowratevolume tovflowrate tovflow netflow fi ft",
    "product": "product productname productcode material",
    "movement": "movement movementstatus movementstate tankmovement tankoperation",
    "gauge_status": "gaugestatus gaugestate levelgaugestatus levelstatus levelgaugestate gaugingstatus",
    "lim_hh": "limhh hh hihi highhigh levelhh levelhihi levelhighhigh hhlimit hihilimit highhighlimit lahh",
    "lim_h": "limh h hi high levelh levelhi levelhigh hlimit hilimit highlimit lah",
    "lim_l": "liml l lo low levell levello levellow llimit lolimit lowlimit lal",
    "lim_ll": "limll ll lolo lowlow levelll levellolo levellowlow lllimit lololimit lowlowlimit lall",
    "height_ref": "heightref refheight referenceheight gaugereferenceheight tankreferenceheight gaugerefheight",
    "max_fill": "maxfill maximumfill safefill safefilllevel maxsafefill maxfilllevel safefillheight",
    "leak_alarm": "leakalarm leak leakdetected leakage",
    "sealed": "sealed issealed tanksealed",
    "setpoint": "setpoint sp setpt speedsetpoint flowsetpoint",
    "run": "run running isrunning runstatus runstate runfeedback runfb runningstatus",
    "mode": "mode controlmode operatingmode localremote remotelocal automanual",
    "speed": "speed rpm actualspeed motorspeed speedactual",
    "current": "current motorcurrent amps amperage",
    "power": "power motorpower activepower",
    "pressure_suction": "pressuresuction suctionpressure inletpressure",
    "pressure_discharge": "pressuredischarge dischargepressure outletpressure",
    "running_hours": "runninghours runhours operatinghours hoursrun motorhours runtime",
}  # fmt: skip
PUMP_ONLY: Final = frozenset(
    {"setpoint", "run", "mode", "speed", "current", "power", "pressure_suction", "pressure_discharge", "running_hours"}
)
PUMP_KEYS: Final = PUMP_ONLY | {"flow", "pressure", "temp_avg"}
TANK_KEYS: Final = frozenset(CANON) - PUMP_ONLY
# Names that say nothing by themselves: the name of the object above them counts.
GENERIC: Final = frozenset(
    {"value", "pv", "cv", "val", "processvalue", "measuredvalue", "actualvalue", "currentvalue", "out"}
)
_BEFORE: Final = ("pv", "tank", "meas", "measured", "calc", "calculated", "actual", "act", "current", "process")
_BEHIND: Final = ("pv", "value", "val", "meas", "measured", "measurement", "actual", "act", "cv")
_POINT: Final = re.compile(
    r"(?:temp|temperature)(?:point|spot|element|elem|sensor)?(\d{1,2})|(?:spot|point|element)temp(?:erature)?(\d{1,2})"
)
_NAMES: Final[dict[str, tuple[str, int]]] = {
    name: (key, place) for key, names in _TABLE.items() for place, name in enumerate(names.split())
}


def folded(name: str) -> str:
    text = unicodedata.normalize("NFKD", name[:200]).casefold()
    return "".join(c for c in text if c.isascii() and c.isalnum())


def key_of(name: str) -> tuple[str, int] | None:
    """The canonical key that a variable's name means, and how unsure that is (0 is the surest)."""
    text = folded(name)
    found = _NAMES.get(text)
    if found is not None:
        return found
    point = _POINT.fullmatch(text)
    if point is not None:
        number = int(point[1] or point[2])
        return (f"temp_point_{number}", 0) if 1 <= number <= TEMP_POINTS else None
    for shorter in _shorter(text):
        found = _NAMES.get(shorter)
        if found is not None and len(shorter) > 2:  # "PV_L" is no low limit
            return found[0], found[1] + 50
    return None


def _shorter(text: str) -> list[str]:
    """Without what systems put around a name: ``pvlevel``, ``levelmeas``, ``pvlevelvalue``."""
    fronts = [text, *(text.removeprefix(front) for front in _BEFORE if text.startswith(front))]
    both = fronts + [one.removesuffix(back) for one in fronts for back in _BEHIND if one.endswith(back)]
    return sorted({one for one in both if one and one != text}, key=len, reverse=True)
