/** Copy, and download an image's text, JSON or overlay: exactly what is shown. */

import { byId, make, say } from "./dom.js";
import { drawnOverlay } from "./drawn_overlay.js";

/**
 * @param {function(): {page: Object, text: string, image: HTMLImageElement, type: string}} shown
 */
export function setUpActions(shown) {
  byId("copy").addEventListener("click", async ({ currentTarget }) => acknowledge(currentTarget, await copied(shown().text)));
  for (const button of document.querySelectorAll("[data-download]")) {
    button.addEventListener("click", () => DOWNLOADS[button.dataset.download](shown()));
  }
}

const DOWNLOADS = {
  text: ({ page, text }) => save(new Blob([`${text}\n`], { type: "text/plain;charset=utf-8" }), `${stem(page)}.txt`),
  json: ({ page }) => save(new Blob([`${JSON.stringify(page)}\n`], { type: "application/json" }), `${stem(page)}.json`),
  overlay: async ({ page, image, type }) => {
    const isPhoto = ["image/jpeg", "image/webp"].includes(type);
    const drawn = await drawnOverlay(image, page, isPhoto ? "image/jpeg" : "image/png");
    if (drawn) save(drawn, `${stem(page)}-overlay.${isPhoto ? "jpg" : "png"}`);
    else say("This image is too large for the browser to draw.");
  },
};

const stem = (page) => page.image.replace(/\.[^.]*$/, "");

/** Hand a file to the person. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser may still be writing
  say(`${name} is downloaded.`);
}

async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedTheOldWay(text); // no clipboard for pages that came over plain HTTP from another machine
  }
}

function copiedTheOldWay(text) {
  const field = make("textarea", { class: "unseen", "aria-hidden": "true" });
  field.value = text;
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return done;
}

function acknowledge(button, isDone) {
  const words = isDone ? "Copied" : "Not allowed here";
  button.textContent = words;
  say(isDone ? "The text is copied." : "The browser does not allow copying here.");
  setTimeout(() => (button.textContent = "Copy text"), 1600);
}
