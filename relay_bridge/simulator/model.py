"""What the plant holds at a moment: every value as a pure function of seed, time and the setpoints given so far.

volume = volume at the start of the cycle + what the movements brought      level = volume / section
TOV = FWV + GOV      GSV = GOV x VCF(temperature)      NSV = GSV x (1 - S&W)
ullage = reference height - level      room = (high limit - level) x section
pumpable = (level - low limit) x section
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from relay_bridge.contract.readings import Value
from relay_bridge.simulator.farm import PUMP, PUMP_TANKS, TANKS, VARIABLES, Tank
from relay_bridge.simulator.movements import CYCLE_SECONDS, SLOT, flow_into, moved_into, movement_of
from relay_bridge.simulator.pump import SWING, PumpLine, discharge_pressure

DAY = 86_400.0  # seconds
GRAVITY = 9.80665  # m/s2
WATER = 998.0  # kg/m3
REMOTE = 1  # P-101.Mode


@dataclass(frozen=True)
class _Start:
    """What the seed decided for a tank."""

    level: float  # m at the beginning of the cycle
    water: float  # m of free water
    temperature: float  # C, mean of the day
    density: float  # kg/m3 at 15 C


def volume_correction(alpha: float, temperature: float) -> float:
    """VCF to 15 C by the exponential form of API MPMS 11.1: exp(-a dT (1 + 0.8 a dT))."""
    heat = alpha * (temperature - 15.0)
    return math.exp(-heat * (1.0 + 0.8 * heat))


class PlantModel:
    """The tank farm of one seed. ``pump`` is the only thing that changes by being used."""

    def __init__(self, seed: int = 1) -> None:
        dice = random.Random(seed)  # noqa: S311 - a plant that is the same again, not a secret
        self._starts = {tank.id: _start(tank, dice) for tank in TANKS}
        self._offset = dice.uniform(0.0, CYCLE_SECONDS)
        self.pump = PumpLine(phase=dice.uniform(0.0, 100.0))

    def values(self, t: float, forced_levels: Mapping[str, float] | None = None) -> dict[str, Value]:
        """Every variable of the plant at ``t`` (seconds since the epoch), by its NodeId's text.

        ``forced_levels`` (m, by tank) puts tanks where the movements would not have brought them; what follows
        from the level follows from the forced one.
        """
        values: dict[str, Value] = {}
        for tank in TANKS:
            forced = (forced_levels or {}).get(tank.id)
            for name, value in self._tank(tank, t, forced).items():
                node = f"{tank.id}.{name}"
                values[node] = round(value, VARIABLES[node].decimals) if isinstance(value, float) else value
        flow = self.pump.flow(t)
        values[f"{PUMP}.Setpoint"] = round(self.pump.setpoint(t), 3)
        values[f"{PUMP}.Flow"] = round(flow, 1)
        values[f"{PUMP}.Discharge"] = round(discharge_pressure(flow), 2)
        values[f"{PUMP}.Run"] = flow > 0.0
        values[f"{PUMP}.Mode"] = REMOTE
        return values

    def _tank(self, tank: Tank, t: float, forced_level: float | None) -> dict[str, Value]:
        start = self._starts[tank.id]
        phase = (t + self._offset) % CYCLE_SECONDS
        tov = start.level * tank.section + moved_into(tank.id, phase) + self._pumped_into(tank.id, t)
        if forced_level is not None:
            tov = forced_level * tank.section
        level = tov / tank.section
        water = min(start.water, level)
        fwv = water * tank.section
        gov = tov - fwv
        temperature = start.temperature + 1.5 * math.sin(2 * math.pi * t / DAY)
        vcf = volume_correction(tank.product.alpha, temperature)
        density = start.density * vcf
        flow = flow_into(tank.id, phase) * 3600 + self._pump_flow_into(tank.id, t)
        return {
            "Level": level,
            "Ullage": tank.height - level,
            "LevelRate": flow / tank.section * 1000 / 60,
            "AvgTemp": temperature,
            "Pressure": GRAVITY * (WATER * water + density * (level - water)) / 1000,
            "FreeWater": water,
            "TOV": tov,
            "FWV": fwv,
            "GOV": gov,
            "VCF": vcf,
            "GSV": gov * vcf,
            "NSV": gov * vcf * (1.0 - tank.sediment_and_water),
            "Room": max(0.0, tank.high - level) * tank.section,
            "Pumpable": max(0.0, level - tank.low) * tank.section,
            "Density": density,
            "DensityRef": start.density,
            "Flow": flow,
            "Product": tank.product.name,
            "Movement": "receiving" if flow > 0 else "discharging" if flow < 0 else "idle",
            **self._movement(tank, t, phase),
            "GaugeStatus": tank.gauge_status,
            "LL": tank.low_low,
            "L": tank.low,
            "H": tank.high,
            "HH": tank.high_high,
            "RefHeight": tank.height,
        }

    def _movement(self, tank: Tank, t: float, phase: float) -> dict[str, Value]:
        """Where from and to, and how much of how much (m3): empty and nothing while the tank is idle."""
        if tank.id in PUMP_TANKS and self.pump.flow(t) > 0:
            source, target = PUMP_TANKS if self.pump.direction(t) > 0 else PUMP_TANKS[::-1]
            return {"MoveFrom": source, "MoveTo": target, "MovePlanned": SWING, "MoveDone": self.pump.in_swing(t)}
        movement = movement_of(tank.id, phase)
        if movement is None:
            return {"MoveFrom": "", "MoveTo": "", "MovePlanned": 0.0, "MoveDone": 0.0}
        return {
            "MoveFrom": movement.source or "ship",
            "MoveTo": movement.target or "truck rack",
            "MovePlanned": movement.rate * SLOT,
            "MoveDone": movement.moved(phase),
        }

    def _pumped_into(self, tank: str, t: float) -> float:
        first, second = PUMP_TANKS
        swing = self.pump.in_second_tank(t)
        return swing if tank == second else -swing if tank == first else 0.0

    def _pump_flow_into(self, tank: str, t: float) -> float:
        first, second = PUMP_TANKS
        flow = self.pump.flow(t) * self.pump.direction(t)
        return flow if tank == second else -flow if tank == first else 0.0


def _start(tank: Tank, dice: random.Random) -> _Start:
    share = dice.uniform(0.3, 0.7)
    level = {
        "high": tank.high + share * (tank.high_high - tank.high),
        "low": tank.low_low + share * (tank.low - tank.low_low),
    }.get(tank.standing, dice.uniform(4.5, 7.5))
    if tank.id == PUMP_TANKS[0]:
        level += 2.0  # the swing volume starts here
    return _Start(
        level=level,
        water=dice.uniform(0.02, 0.12),
        temperature=dice.uniform(12.0, 24.0),
        density=tank.product.density + dice.uniform(-3.0, 3.0),
    )
