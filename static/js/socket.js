// The page's one WebSocket: frames in order or not at all, answers, reconnects with jitter, the farewell.

import { t } from "./texts.js";

const RETRY_FLOOR = 500; // ms
const RETRY_CAP = 5000; // ms
const OPEN_LIMIT = 8000; // ms for the connection to open, then for the first snapshot
const DEAD_LIMIT = 12000; // ms without a frame although the socket says it is open; heartbeats come every 2 s
const DEAD_LIMIT_BEHIND = 40000; // ms; in the background they come every 10 s
const SLEPT = 2000; // ms by which a timer is late only when the phone slept
const AFTER_SLEEP = 3000; // ms for a frame to come after a sleep
const SLOW_RETRY = 15000; // ms after the server said that there are too many pages or that it did not understand
const ACCESS_ENDED = 4403;
const NOT_UNDERSTOOD = 4400;
const TOO_MANY = 4429;

export class LiveSocket {
  // `on` has frame(frame), opened(), lost(why), gap(), ended(why), refused(attempts).
  constructor(path, on) {
    this.path = path;
    this.on = on;
    this.socket = null;
    this.attempts = 0;
    this.stopped = false;
    this.behind = false;
    this.why = "";
    this.timer = 0;
    this.limit = 0;
  }

  start() {
    if (this.stopped || this.socket) return;
    clearTimeout(this.timer);
    const address = new URL(this.path, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    let socket;
    try {
      socket = new WebSocket(address);
    } catch {
      this.retry();
      return;
    }
    this.socket = socket;
    this.expected = 1;
    this.waiting = true; // for a snapshot
    this.asked = false;
    this.proven = false;
    this.why = "";
    this.guard(OPEN_LIMIT);
    socket.addEventListener("open", () => {
      if (socket !== this.socket) return;
      this.guard(OPEN_LIMIT);
      this.on.opened();
      if (this.behind) this.say({ bg: true });
    });
    socket.addEventListener("message", (event) => socket === this.socket && this.receive(event.data));
    socket.addEventListener("close", (event) => socket === this.socket && this.closed(event.code));
  }

  stop() {
    this.stopped = true;
    this.drop();
    clearTimeout(this.timer);
  }

  // Give up this connection and make another at once: it may be dead without knowing it.
  restart() {
    if (this.stopped) return;
    this.drop();
    this.on.lost("");
    this.start();
  }

  // A fresh snapshot, or a new connection if none comes soon.
  resync() {
    if (!this.open) {
      this.start();
      return;
    }
    this.waiting = true;
    this.asked = true;
    this.say({ resync: 1 });
  }

  background(behind) {
    this.behind = behind;
    if (!this.open) return;
    if (!behind) this.waiting = true; // the server answers the return to the front with a snapshot
    this.say({ bg: behind });
    this.guard(this.silenceLimit);
  }

  get open() {
    return this.socket !== null && this.socket.readyState === WebSocket.OPEN;
  }

  // --- inside ----------------------------------------------------------------------------------------------

  receive(text) {
    const frame = parse(text);
    if (!frame) {
      this.lostOrder();
      return;
    }
    if (frame.k === "bye") {
      this.why = typeof frame.why === "string" ? frame.why : "";
      this.on.lost(this.why);
      return;
    }
    this.guard(this.silenceLimit);
    const inOrder = frame.n === this.expected;
    this.expected = frame.n + 1;
    if (frame.k === "s") {
      this.waiting = this.asked = false;
    } else if (!inOrder || (frame.k === "d" && this.waiting)) {
      this.lostOrder();
      return;
    }
    try {
      this.on.frame(frame);
    } catch (error) {
      this.unshown(error);
      return;
    }
    if (frame.k === "s") {
      this.proven = true;
      this.attempts = 0;
    }
    if (frame.k !== "h") this.say({ ok: frame.n });
  }

  lostOrder() {
    if (this.asked) return; // one question at a time; the guard ends the connection if no answer comes
    this.waiting = this.asked = true;
    this.on.gap();
    this.say({ resync: 1 });
  }

  // A frame that could not be put on the screen: what stands there may be neither old nor new, so nothing of it counts
  // as the present until a fresh snapshot came over another connection.
  unshown(error) {
    console.error(error);
    this.drop();
    this.retry();
    this.on.lost("");
  }

  closed(code) {
    const { why, proven } = this;
    this.drop();
    if (code === ACCESS_ENDED) {
      this.stopped = true;
      this.on.ended(why || t("Your access to this page ended."));
      return;
    }
    this.on.lost(why);
    this.retry(code === TOO_MANY || code === NOT_UNDERSTOOD ? SLOW_RETRY : 0);
    if (!proven) this.on.refused(this.attempts);
  }

  retry(least = 0) {
    const top = Math.min(RETRY_CAP, RETRY_FLOOR * 2 ** (this.attempts + 1));
    this.attempts += 1;
    const delay = Math.max(least, RETRY_FLOOR + Math.random() * (top - RETRY_FLOOR));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.start(), delay);
  }

  // Close the connection if no frame comes within `ms`. After a sleep the timer comes late and says nothing about the
  // connection: then a little time is given for frames that wait in the phone.
  guard(ms) {
    clearTimeout(this.limit);
    const due = Date.now() + ms;
    this.limit = setTimeout(() => {
      if (Date.now() - due > SLEPT) {
        this.guard(AFTER_SLEEP);
        return;
      }
      this.drop();
      this.on.lost("");
      this.retry();
    }, ms);
  }

  get silenceLimit() {
    return this.behind ? DEAD_LIMIT_BEHIND : DEAD_LIMIT;
  }

  drop() {
    clearTimeout(this.limit);
    const socket = this.socket;
    this.socket = null;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(1000);
  }

  say(message) {
    if (this.open) this.socket.send(JSON.stringify(message));
  }
}

// A frame, or null for anything that is none: then the page asks for a snapshot rather than guess.
function parse(text) {
  if (typeof text !== "string") return null;
  try {
    const frame = JSON.parse(text);
    return frame && Number.isSafeInteger(frame.n) && isWhole(frame) ? frame : null;
  } catch {
    return null;
  }
}

function isWhole({ k, t: time, d: items = [], link = [], x: derived = {} }) {
  if (k === "bye") return true;
  if (!["s", "d", "h"].includes(k) || !Number.isFinite(time) || !Array.isArray(items) || !Array.isArray(link)) return false;
  return derived !== null && typeof derived === "object" && items.every(isItem);
}

// [handle, value, dt = 0, quality = 0]
function isItem(item) {
  if (!Array.isArray(item)) return false;
  const [, value, dt = 0, quality = 0] = item;
  return (value === null || typeof value !== "object") && Number.isFinite(dt) && Number.isFinite(quality);
}
