/** The row of images, where there is more than one. */

import { byId, make } from "./dom.js";

const STATES = {
  waiting: () => "waiting",
  reading: () => "reading …",
  done: ({ page }) => (page.lines.length === 1 ? "1 line" : `${page.lines.length} lines`),
  failed: () => "not read",
};

/** Keep the row as the queue is. */
export function setUpQueueView(queue) {
  const buttons = new Map();
  const update = (image) => {
    if (!buttons.has(image)) buttons.set(image, added(queue, image));
    const { button, state } = buttons.get(image);
    state.textContent = STATES[image.state](image);
    button.classList.toggle("failed", image.state === "failed");
  };
  queue.addEventListener("changed", ({ detail }) => update(detail));
  queue.addEventListener("picked", () => {
    queue.images.forEach(update);
    byId("queue").hidden = queue.images.length < 2;
    for (const [image, { button }] of buttons) button.setAttribute("aria-current", image === queue.current);
  });
}

function added(queue, image) {
  const state = make("span", { class: "state" });
  const button = make("button", { type: "button" }, thumbnail(image), make("span", { class: "name" }, image.name), state);
  button.addEventListener("click", () => queue.show(image));
  byId("queue").append(make("li", {}, button));
  return { button, state };
}

function thumbnail(image) {
  const preview = make("img", { src: image.url, alt: "" });
  preview.addEventListener("error", () => preview.replaceWith(make("span", { class: "no-preview" })));
  return preview;
}
