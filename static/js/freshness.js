// What may be taken for the present, judged by this phone's own clock, so that it also holds in a tunnel.

export const SILENCE_LIMIT = 4500; // ms without a frame; the mark must be on the screen within 5 s
export const FIRST_SNAPSHOT_LIMIT = 5000; // ms from opening the page

const systemClocks = { steady: () => performance.now(), wall: () => Date.now() };

// Time since a moment, by two clocks. The steady one stops on some phones while they sleep, and the wall clock may be
// set back: the larger of the two differences errs towards stale only.
export class Stopwatch {
  constructor(clocks = systemClocks) {
    this.clocks = clocks;
    this.restart();
  }

  restart() {
    this.steady = this.clocks.steady();
    this.wall = this.clocks.wall();
  }

  get elapsed() {
    return Math.max(this.clocks.steady() - this.steady, this.clocks.wall() - this.wall, 0);
  }
}

const LAGS = 20; // of the samples that came last
const FEWEST_LAGS = 5; // before anything is said of a clock
const CLOCK_LIMIT = 5000; // ms

// How far a source's times are behind: a sample that just changed should be as young as its way here is long. The
// youngest of the last ones counts, so a slow value among quick ones says nothing.
export class SourceTimes {
  constructor() {
    this.lags = new Map();
  }

  note(source, lag) {
    const lags = this.lags.get(source) ?? [];
    lags.push(lag);
    if (lags.length > LAGS) lags.shift();
    this.lags.set(source, lags);
  }

  // In ms; 0 while nothing is wrong.
  behind(source) {
    const lags = this.lags.get(source) ?? [];
    const least = lags.length < FEWEST_LAGS ? 0 : Math.min(...lags);
    return least > CLOCK_LIMIT ? least : 0;
  }

  get furthest() {
    return Math.max(0, ...[...this.lags.keys()].map((source) => this.behind(source)));
  }
}

export class Freshness {
  // `renderedAt`: the server's time (epoch ms) at which the page was drawn; it is taken as old as the page is.
  constructor(renderedAt, clocks = systemClocks) {
    this.watch = new Stopwatch(clocks);
    this.remote = renderedAt + clocks.steady();
    this.opened = new Stopwatch(clocks);
    this.early = clocks.steady(); // ms between asking for the page and this script
    this.connected = false;
    this.checking = false;
    this.snapshot = false; // a snapshot came over the connection that is open now
    this.ever = false; // a snapshot came at all
    this.ended = false;
    this.link = null; // [state, since, reason], or null on pages that are about no single site
    this.sources = null;
    this.mode = null; // [mode, since, by] of the switch at the plant, or null while it is fully open
  }

  frame(remote) {
    this.watch.restart();
    if (Number.isFinite(remote)) this.remote = remote;
  }

  // Now by the clock that the samples' times follow.
  get now() {
    return this.remote + this.watch.elapsed;
  }

  get silence() {
    return this.watch.elapsed;
  }

  // Why nothing that this phone shows may be taken for the present: "" when there is no such reason.
  get phoneDoubt() {
    if (this.ended) return "ended";
    if (this.checking) return "checking";
    if (!this.snapshot) {
      if (this.ever) return "stale";
      return this.opened.elapsed + this.early >= FIRST_SNAPSHOT_LIMIT ? "stale" : "";
    }
    return !this.connected || this.silence >= SILENCE_LIMIT ? "stale" : "";
  }

  // The same for one source's values, the way to the site included.
  doubtOf(source) {
    const doubt = this.phoneDoubt;
    if (doubt || !this.snapshot) return doubt;
    if (this.link && this.link[0] !== "live") return "stale";
    if (this.sources && (this.sources[source]?.[0] ?? 2) !== 0) return "stale";
    return "";
  }
}
