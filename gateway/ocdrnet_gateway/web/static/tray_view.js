/** The row of pictures, where there is more than one. */

import { byId, make } from "./dom.js";

const STATES = {
  waiting: () => "waiting",
  reading: () => "reading …",
  done: ({ page }) => (page.lines.length === 1 ? "1 line" : `${page.lines.length} lines`),
  failed: () => "not read",
};

/** Keep the row as the tray is. */
export function setUpTrayView(tray) {
  const buttons = new Map();
  const update = (picture) => {
    if (!buttons.has(picture)) buttons.set(picture, added(tray, picture));
    const { button, state } = buttons.get(picture);
    state.textContent = STATES[picture.state](picture);
    button.classList.toggle("failed", picture.state === "failed");
  };
  tray.addEventListener("changed", ({ detail }) => update(detail));
  tray.addEventListener("picked", () => {
    tray.pictures.forEach(update);
    byId("tray").hidden = tray.pictures.length < 2;
    for (const [picture, { button }] of buttons) button.setAttribute("aria-current", picture === tray.current);
  });
}

function added(tray, picture) {
  const state = make("span", { class: "state" });
  const button = make("button", { type: "button" }, thumbnail(picture), make("span", { class: "name" }, picture.name), state);
  button.addEventListener("click", () => tray.show(picture));
  byId("tray").append(make("li", {}, button));
  return { button, state };
}

function thumbnail(picture) {
  const image = make("img", { src: picture.url, alt: "" });
  image.addEventListener("error", () => image.replaceWith(make("span", { class: "no-preview" })));
  return image;
}
