"""The eyes of the truth measurement: a script in each page that says at every look what stands on the screen.

It reads what a person reads: the text of each value with its time, quality and stale mark, and each row of the alarm
list. Of a look only what is new is told whole; the rest are numbers of what was told before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PERIOD = 500  # ms between two looks

SCRIPT = """(() => {
  if (window !== window.top) return;
  const known = new Map();
  const number = (facts, fresh) => {
    const key = JSON.stringify(facts);
    let at = known.get(key);
    if (at === undefined) { at = known.size; known.set(key, at); fresh.push([at, facts]); }
    return at;
  };
  const look = () => {
    if (!document.body || typeof window.truthTold !== "function") return;
    const fresh = [], values = [], alarms = [];
    for (const e of document.querySelectorAll("[data-tag]")) {
      const d = e.dataset;
      values.push(number(["v", d.tag, e.textContent.trim(), d.t ?? "", d.quality ?? "", d.dec ?? "", d.words ?? "",
        e.hasAttribute("data-stale")], fresh));
    }
    const list = document.querySelector("[data-alarm-list]");
    for (const row of list ? list.querySelectorAll("[data-sections] [data-alarm]") : []) {
      const text = (name) => row.querySelector(name)?.textContent.trim() ?? "";
      alarms.push(number(["a", row.dataset.alarm, row.dataset.eid, row.dataset.band, text(".alarm-state"),
        text(".alarm-message"), list.classList.contains("is-stale") || row.classList.contains("is-stale")], fresh));
    }
    const state = list ? (list.classList.contains("is-stale") || document.querySelector("[data-unknown]") ? 1 : 0) : 2;
    window.truthTold(JSON.stringify([Date.now(), document.readyState, state, values, alarms, fresh]));
  };
  setInterval(look, PERIOD);
})();""".replace("PERIOD", str(PERIOD))


@dataclass
class Look:
    """One look at one page. ``list_state``: 0 the alarm list claims to be the present, 1 it does not, 2 no list."""

    at: int  # epoch ms
    page: str
    list_state: int
    values: list[tuple[Any, ...]]
    alarms: list[tuple[Any, ...]]


@dataclass
class Eyes:
    """What one page told. A new document numbers anew, so ``opened`` is called for each."""

    page: str
    looks: list[Look] = field(default_factory=list)
    _known: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    _shared: dict[tuple[Any, ...], tuple[Any, ...]] = field(default_factory=dict)

    def told(self, text: str, decode: Any) -> None:
        at, _state, list_state, values, alarms, fresh = decode(text)
        if fresh and fresh[0][0] == 0:
            self._known.clear()
        for number, facts in fresh:
            row = tuple(facts)
            self._known[number] = self._shared.setdefault(row, row)
        if not values and not alarms and list_state == 2:
            return  # a page that is on its way
        known = self._known
        self.looks.append(Look(at, self.page, list_state, [known[n] for n in values], [known[n] for n in alarms]))
