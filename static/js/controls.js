// Hold to confirm, and closed while what it acts on may be old. Without this script the same buttons lead to a second
// page with a plain button; the server and the site judge every change again.

const HOLD = 1500; // ms
const LOOK = 250; // ms between two looks at whether the value may be taken for the present

function holdToSend(button) {
  let timer = 0;
  let pointer = null;
  const help = document.getElementById("hold-help");
  const say = (what) => help && (help.textContent = help.dataset[what]);
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    pointer = null;
    button.classList.remove("is-held");
  };
  button.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0 || button.disabled) return;
    stop();
    pointer = event.pointerId;
    button.setPointerCapture(pointer);
    button.classList.add("is-held");
    say("holding");
    timer = setTimeout(() => {
      const ready = timer !== 0 && !button.disabled && button.isConnected;
      stop();
      if (!ready) return;
      button.disabled = true; // one press, one request; the server takes only the first anyhow
      say("sending");
      document.getElementById(button.dataset.hold).submit();
    }, HOLD);
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
    button.addEventListener(name, () => {
      if (pointer === null) return;
      stop();
      say("letGo");
    });
  }
  // A finger that slides off the button has changed its mind.
  button.addEventListener("pointermove", (event) => {
    if (pointer === null) return;
    const box = button.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (inside) return;
    stop();
    say("letGo");
  });
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  // A tap does nothing; a keyboard or a screen reader (no pointer, detail 0) goes on to the second page.
  button.addEventListener("click", (event) => {
    if (event.detail !== 0) event.preventDefault();
  });
}

function isOld(tag) {
  const number = tag ? document.querySelector(`[data-tag="${CSS.escape(tag)}"]`) : null;
  return !number || number.hasAttribute("data-stale") || number.dataset.quality !== "good" || document.body.hasAttribute("data-ended");
}

function closeWhatIsOld() {
  for (const button of document.querySelectorAll("[data-closes-with]")) {
    const old = isOld(button.dataset.closesWith);
    if (old === button.hasAttribute("data-shut")) continue;
    button.toggleAttribute("data-shut", old);
    button.disabled = old;
    let words = button.parentElement.querySelector(".control-closed");
    if (old && !words) {
      words = document.createElement("p");
      words.className = "control-closed notice";
      words.setAttribute("role", "status");
      words.textContent = button.closest("[data-words-closed]").dataset.wordsClosed;
      button.after(words);
    } else if (!old) words?.remove();
  }
}

// Reasons to tap instead of typing.
for (const row of document.querySelectorAll("[data-fills]")) {
  row.hidden = false;
  row.addEventListener("click", ({ target }) => {
    const reason = target.closest("button");
    if (reason) document.getElementById(row.dataset.fills).value = reason.textContent;
  });
}

function index() {
  for (const button of document.querySelectorAll("[data-hold]")) {
    if (button.dataset.ready) continue;
    button.dataset.ready = "yes";
    holdToSend(button);
  }
  closeWhatIsOld();
}

document.addEventListener("htmx:afterSettle", index);
// A page out of the browser's cache shows a change as it once stood: ask for it again.
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(closeWhatIsOld, LOOK);
index();
