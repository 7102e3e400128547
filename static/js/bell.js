// Sound and vibration while alarms wait, until they are handled. Browsers give no sound before somebody touched the
// page, so the first touch anywhere wakes it. Silence is not acknowledging: the next alarm rings again.

import { say } from "./strip.js";

const EVERY = 3000; // ms between two rings
const KEY = "alarm-sound"; // remembered for this tab only
const TONES = { crit: [880, 660, 880], high: [740, 740], med: [587], low: [494] };
const BANDS = ["crit", "high", "med", "low"];

export class Bell {
  // `place` tells this site's silence from that of another one.
  constructor(button, place) {
    this.button = button;
    this.place = new URL(place).pathname;
    this.audio = null;
    this.wanted = recall(KEY) !== "off";
    this.silenced = false;
    this.waiting = null; // {sites: [[place, newest]], band} of what waits, null while nothing does or it is not the present
    this.last = new Map(); // by place, as it was last the present: a gap in the connection is no new alarm
    this.timer = setInterval(() => this.ring(), EVERY);
    button.hidden = false;
    button.addEventListener("click", () => this.touched());
    this.shown = ""; // what the button says, one of the words it was given
    this.meant = null; // what it said at the touch: that same touch may wake the sound and change the words
    this.unlock = ({ target }) => {
      this.meant = button.contains(target) ? this.shown : null;
      this.wake();
    };
    for (const touch of ["pointerdown", "keydown"]) document.addEventListener(touch, this.unlock, { passive: true });
    if (this.wanted) this.wake(); // a browser that saw a touch on the page before lets it sound at once
    this.draw();
  }

  // `facts` of the banner, or null while they are not the present; of several sites `facts.sites` has those of each that
  // is, by the place of its list.
  hear(facts) {
    const before = this.waiting;
    const sites = [];
    let [fresh, quiet] = [false, false];
    for (const [place, { u = [], new: newest = 0 }] of facts ? Object.entries(facts.sites ?? { [this.place]: facts }) : []) {
      const count = u.reduce((sum, each) => sum + each, 0);
      const last = this.last.get(place);
      this.last.set(place, { count, newest: count ? newest : 0 });
      if (!count) continue;
      sites.push([place, newest]);
      // One more waits, or a newer one, even if another left at the same moment.
      if (last) fresh ||= count > last.count || newest > last.newest;
      // Silence that was asked for on another page of this site holds here too, for the same alarms.
      else if (Number(recall(silenceKey(place))) >= Math.max(newest, 1)) quiet = true;
      else fresh = true;
    }
    this.waiting = sites.length ? { sites, band: facts.top?.[2] ?? BANDS[facts.u?.findIndex(Boolean)] } : null;
    if (fresh) {
      this.silenced = false;
      this.ring();
    } else if (quiet && !before) this.silenced = true;
    this.draw();
  }

  stop() {
    clearInterval(this.timer);
    for (const touch of ["pointerdown", "keydown"]) document.removeEventListener(touch, this.unlock);
    this.audio?.close();
    this.audio = null;
  }

  // A touch does what the button said when it was touched. While something waits it silences and rings again; else it
  // turns the sound off and on. So two touches in a hurry never leave the sound off for good.
  touched() {
    const meant = this.meant ?? this.shown;
    this.meant = null;
    if (meant === "off") {
      this.wanted = true;
      this.silenced = false;
    } else if (meant === "tap") this.silenced = false; // this touch wakes it
    else if (meant === "on" || meant === "deaf") this.wanted = false;
    else if (this.waiting) {
      this.silenced = meant === "silence";
      for (const [place, newest] of this.waiting.sites) remember(silenceKey(place), this.silenced ? String(newest) : "");
    }
    remember(KEY, this.wanted ? "on" : "off");
    this.wake();
    this.ring();
    this.draw();
  }

  wake() {
    if (!this.wanted || this.ready) return;
    this.audio ??= makeAudio();
    this.audio?.resume().then(() => {
      this.ring();
      this.draw();
    }, () => {});
  }

  get ready() {
    return this.audio?.state === "running";
  }

  ring() {
    if (!this.wanted || this.silenced || !this.waiting) return;
    const tones = TONES[this.waiting.band] ?? TONES.low;
    if (this.ready) for (const [place, pitch] of tones.entries()) beep(this.audio, pitch, this.audio.currentTime + place * 0.22);
    if (navigator.userActivation?.hasBeenActive ?? true) navigator.vibrate?.(tones.flatMap(() => [160, 60]));
  }

  draw() {
    this.shown = "on";
    if (!this.wanted) this.shown = "off";
    else if (!this.audio) this.shown = "deaf";
    else if (!this.ready) this.shown = "tap";
    else if (this.waiting) this.shown = this.silenced ? "silenced" : "silence";
    say(this.button, this.button.dataset[this.shown]);
    this.button.setAttribute("aria-pressed", String(Boolean(this.waiting) && this.wanted && this.silenced));
  }
}

function silenceKey(place) {
  return `alarm-silence ${place}`;
}

function makeAudio() {
  try {
    return new AudioContext();
  } catch {
    return null;
  }
}

function beep(audio, pitch, at) {
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(0.0001, at);
  volume.gain.exponentialRampToValueAtTime(0.4, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.18);
  tone.connect(volume).connect(audio.destination);
  tone.start(at);
  tone.stop(at + 0.2);
}

function remember(key, text) {
  try {
    sessionStorage.setItem(key, text);
  } catch {
    // Storage may be forbidden; then it is asked again on each page.
  }
}

function recall(key) {
  try {
    return sessionStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}
