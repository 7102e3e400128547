// A value in the units that the person reads: hmi/screens/presenters/units.py says how, the elements carry it.

export function feetText(feet) {
  const sixteenths = Math.floor(Math.abs(feet) * 192 + 0.5);
  const sign = feet < 0 && sixteenths ? "-" : "";
  const inches = Math.floor((sixteenths % 192) / 16);
  const two = (number) => String(number).padStart(2, "0");
  return `${sign}${Math.floor(sixteenths / 192)}' ${two(inches)} ${two(sixteenths % 16)}/16"`;
}
