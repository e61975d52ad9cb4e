/** The API key: asked for where the server wants one, kept for this tab alone. */

import { byId } from "./dom.js";

const PLACE = "ocdrnet-api-key";

/** The header that carries the key, where there is one. */
export function keyHeaders() {
  const key = sessionStorage.getItem(PLACE);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Ask for a key; resolves to whether one was given. */
export function askForKey() {
  const dialog = byId("key");
  const field = byId("key-value");
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(kept(dialog.returnValue === "given" && field.value.trim())), { once: true });
  });
}

/** Make the dialog and its button in the page's head work. */
export function setUpKey(isRequired) {
  byId("open-key").hidden = !isRequired;
  byId("open-key").addEventListener("click", askForKey);
  byId("key-cancel").addEventListener("click", () => byId("key").close(""));
  byId("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    byId("key").close("given");
  });
}

function kept(key) {
  byId("key-value").value = "";
  if (key) sessionStorage.setItem(PLACE, key);
  return Boolean(key);
}
