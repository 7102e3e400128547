// Fingers and mouse on a trend: one drags the time, two pinch it, a tap or a hovering mouse sets the cursor.

const STEADY = 8; // px a finger may tremble without dragging
const SHORTEST = 120000; // ms
const LONGEST = 30 * 86400000;

// `on` has picture(), preview(from, to), settle(from, to), point(ms), cancel() when the browser took the touch for itself.
export function watchGestures(root, on) {
  const fingers = new Map(); // pointer id -> {x, ms}: where it is and which moment it holds
  let box = null;
  let view = null;
  let moved = false;
  let at = 0;

  const part = (x) => (x - box.left) / box.width;
  const hold = () => {
    for (const finger of fingers.values()) finger.ms = view[0] + part(finger.x) * (view[1] - view[0]);
  };
  const follow = () => {
    const [one, two] = [...fingers.values()];
    if (two) {
      const gap = part(two.x) - part(one.x);
      if (Math.abs(gap) < 0.02) return;
      const wished = (two.ms - one.ms) / gap;
      if (!(wished > 0)) return; // fingers that crossed
      const length = Math.max(SHORTEST, Math.min(LONGEST, wished));
      const from = one.ms - part(one.x) * length;
      view = [from, from + length];
    } else {
      const length = view[1] - view[0];
      const from = one.ms - part(one.x) * length;
      view = [from, from + length];
    }
    on.preview(...view);
  };

  root.addEventListener("pointerdown", (event) => {
    const plot = event.target.closest?.("[data-plot]");
    if (!plot || (event.pointerType === "mouse" && event.button !== 0) || fingers.size === 2) return;
    if (!fingers.size) {
      box = plot.getBoundingClientRect();
      view = [on.picture().start, on.picture().end];
      moved = false;
      at = event.clientX;
    }
    fingers.set(event.pointerId, { x: event.clientX, ms: 0 });
    hold();
    plot.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) {
      const plot = event.pointerType === "mouse" && event.target.closest?.("[data-plot]");
      if (plot) on.point(momentAt(plot, event.clientX, on.picture()));
      return;
    }
    finger.x = event.clientX;
    moved ||= fingers.size > 1 || Math.abs(event.clientX - at) > STEADY;
    if (moved) follow();
  });
  const lift = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (fingers.size) {
      hold(); // the finger that stays goes on from here
      return;
    }
    if (event.type === "pointercancel") on.cancel();
    else if (moved) on.settle(...view);
    else on.point(on.picture().start + part(event.clientX) * (on.picture().end - on.picture().start));
  };
  root.addEventListener("pointerup", lift);
  root.addEventListener("pointercancel", lift);
  return { busy: () => fingers.size > 0 };
}

function momentAt(plot, x, picture) {
  const box = plot.getBoundingClientRect();
  return picture.start + ((x - box.left) / box.width) * (picture.end - picture.start);
}
