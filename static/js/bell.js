// Sound and vibration while alarms wait. Browsers give no sound before somebody touched the page, so it begins with a
// touch of the button. Silence is not acknowledging: the next alarm rings again.

import { say } from "./strip.js";

const EVERY = 3000; // ms between two rings
const KEY = "alarm-sound"; // remembered for this tab only
const TONES = { crit: [880, 660, 880], high: [740, 740], med: [587], low: [494] };
const BANDS = ["crit", "high", "med", "low"];

export class Bell {
  constructor(button) {
    this.button = button;
    this.audio = null;
    this.wanted = remembered();
    this.silenced = false;
    this.waiting = null; // {count, top, band} of what waits
    this.timer = setInterval(() => this.ring(), EVERY);
    button.hidden = false;
    button.addEventListener("click", () => this.touched());
    this.draw();
  }

  // `facts` of the banner, or null while they are not the present.
  hear(facts) {
    const before = this.waiting;
    const count = facts?.u ? facts.u.reduce((sum, each) => sum + each, 0) : 0;
    this.waiting = count ? { count, top: facts.top?.[0], band: facts.top?.[2] ?? BANDS[facts.u.findIndex(Boolean)] } : null;
    const isNew = this.waiting && (!before || count > before.count || (this.waiting.top !== before.top && count >= before.count));
    if (isNew) {
      this.silenced = false;
      this.ring();
    }
    this.draw();
  }

  stop() {
    clearInterval(this.timer);
    this.audio?.close();
    this.audio = null;
  }

  touched() {
    if (!this.wanted || !this.ready) {
      this.wanted = true;
      this.silenced = false;
      this.audio ??= makeAudio();
      this.audio?.resume().then(() => {
        this.ring();
        this.draw();
      });
    } else if (this.waiting && !this.silenced) this.silenced = true;
    else this.wanted = false;
    remember(this.wanted);
    this.draw();
  }

  get ready() {
    return this.audio?.state === "running";
  }

  ring() {
    if (!this.wanted || this.silenced || !this.waiting || !this.ready) return;
    const tones = TONES[this.waiting.band] ?? TONES.low;
    for (const [place, pitch] of tones.entries()) beep(this.audio, pitch, this.audio.currentTime + place * 0.22);
    navigator.vibrate?.(tones.flatMap(() => [160, 60]));
  }

  draw() {
    const words = !this.wanted ? "Sound off" : !this.ready ? "Tap for sound" : this.waiting && !this.silenced ? "Silence" : this.silenced && this.waiting ? "Silenced" : "Sound on";
    say(this.button, words);
    this.button.setAttribute("aria-pressed", String(this.wanted && this.ready));
  }
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

function remember(wanted) {
  try {
    sessionStorage.setItem(KEY, wanted ? "on" : "off");
  } catch {
    // Storage may be forbidden; then it is asked again on each page.
  }
}

function remembered() {
  try {
    return sessionStorage.getItem(KEY) === "on";
  } catch {
    return false;
  }
}
