// Passkeys: forms that ask the device before they are sent. Without this script they stay hidden.
//
// data-passkey="get" uses a passkey, "create" makes one; data-question is where the web app's question comes from. The
// device's answer goes into the field "answer", and the form is sent like any other.

import { t } from "./texts.js";

const ASK_LIMIT = 10000; // ms for the question to come
const BUFFERS = ["challenge", "id"];

const bytes = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");

// Base64url texts become bytes, for browsers that cannot do it themselves.
function decoded(value, name = "") {
  if (Array.isArray(value)) return value.map((each) => decoded(each, name));
  if (value && typeof value === "object") {
    // The party's id is a host name; every other id is bytes.
    return Object.fromEntries(
      Object.entries(value).map(([key, each]) => [key, name === "rp" ? each : decoded(each, key)]),
    );
  }
  return typeof value === "string" && BUFFERS.includes(name) ? bytes(value) : value;
}

function encoded(credential) {
  if (typeof credential.toJSON === "function") return credential.toJSON();
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) response[name] = text(credential.response[name]);
  }
  return {
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults(),
  };
}

async function question(form) {
  const body = new URLSearchParams({ csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value });
  const answer = await fetch(form.dataset.question, {
    method: "POST",
    body,
    redirect: "error",
    signal: AbortSignal.timeout(ASK_LIMIT),
  });
  if (!answer.ok) throw new Error("no question");
  return (await answer.json()).publicKey;
}

async function ask(form) {
  const publicKey = decoded(await question(form));
  const credential =
    form.dataset.passkey === "create"
      ? await navigator.credentials.create({ publicKey })
      : await navigator.credentials.get({ publicKey });
  return JSON.stringify(encoded(credential));
}

function prepare(form) {
  const trouble = form.querySelector("[data-passkey-trouble]");
  const button = form.querySelector("button");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.hidden = true;
    button.disabled = true;
    try {
      form.elements.answer.value = await ask(form);
      form.submit();
    } catch (error) {
      trouble.textContent =
        error.name === "InvalidStateError"
          ? t("This device has a passkey for this account already.")
          : t("The passkey was not used. Try again, or take another way.");
      trouble.hidden = false;
      button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential) document.querySelectorAll("form[data-passkey]").forEach(prepare);
