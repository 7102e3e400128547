// The camera as a scanner of labels, where the browser itself can read codes (BarcodeDetector). It asks for the camera
// when somebody taps, never before; everywhere else the phone's own camera opens a label's address.

const LONGEST = 30_000; // ms; then the camera is put off by itself
const EVERY = 200; // ms between two looks
const LABEL = /^\/t\/[a-z0-9-]{1,50}\/[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

class Scanner {
  constructor(box, detector) {
    this.box = box;
    this.detector = detector;
    this.video = box.querySelector("[data-scan-video]");
    this.begins = box.querySelector("[data-scan-begin]");
    this.ends = box.querySelector("[data-scan-end]");
    this.says = box.querySelector("[data-scan-says]");
    this.stream = null;
    this.timer = 0;
    this.begins.addEventListener("click", () => this.begin());
    this.ends.addEventListener("click", () => this.stop());
    document.addEventListener("visibilitychange", () => document.hidden && this.stop());
    addEventListener("pagehide", () => this.stop());
    box.hidden = false;
  }

  async begin() {
    this.begins.disabled = true;
    this.says.textContent = "";
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      if (document.hidden) return this.stop();
      this.video.srcObject = this.stream;
      this.video.hidden = this.ends.hidden = false;
      this.begins.hidden = true;
      await this.video.play();
    } catch {
      return this.stop(this.box.dataset.failed);
    } finally {
      this.begins.disabled = false;
    }
    this.look(Date.now() + LONGEST);
  }

  look(until) {
    this.timer = setTimeout(async () => {
      if (!this.stream) return;
      if (Date.now() > until) return this.stop(this.box.dataset.nothing);
      const codes = await this.detector.detect(this.video).catch(() => []);
      for (const code of codes) {
        const path = labelPath(code.rawValue);
        if (path) {
          this.stop();
          return location.assign(path);
        }
        this.says.textContent = this.box.dataset.stranger;
      }
      this.look(until);
    }, EVERY);
  }

  stop(words = "") {
    clearTimeout(this.timer);
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
    this.video.hidden = this.ends.hidden = true;
    this.begins.hidden = false;
    this.says.textContent = words;
  }
}

// Only an address of this web app, and of that only the path of a label.
function labelPath(text) {
  try {
    const address = new URL(text);
    return address.origin === location.origin && LABEL.test(address.pathname) ? address.pathname : "";
  } catch {
    return "";
  }
}

async function offer() {
  const box = document.getElementById("scan");
  if (!box || !("BarcodeDetector" in window) || !navigator.mediaDevices?.getUserMedia) return;
  const formats = await BarcodeDetector.getSupportedFormats().catch(() => []);
  if (formats.includes("qr_code")) new Scanner(box, new BarcodeDetector({ formats: ["qr_code"] }));
}

offer();
