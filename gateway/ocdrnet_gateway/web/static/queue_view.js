/** The row of images and documents, where there is more than one. */

import { byId, make } from "./dom.js";
import { counted } from "./numbers.js";

const STATES = {
  waiting: () => "waiting",
  reading: ({ pages }) => (pages?.count ? `${pages.read.length} of ${counted(pages.count, "page")}` : "reading …"),
  done: ({ page, pages }) => (pages ? counted(pages.count, "page") : counted(page.lines.length, "line")),
  failed: () => "not read",
};

/** Keep the row as the queue is. */
export function setUpQueueView(queue) {
  const buttons = new Map();
  const update = (entry) => {
    if (!buttons.has(entry)) buttons.set(entry, added(queue, entry));
    const { button, state } = buttons.get(entry);
    state.textContent = STATES[entry.state](entry);
    button.classList.toggle("failed", entry.state === "failed");
    const url = entry.pages?.read[0]?.url;
    if (url && button.querySelector("img")?.src !== url) button.firstChild.replaceWith(make("img", { src: url, alt: "" }));
  };
  queue.addEventListener("changed", ({ detail }) => update(detail));
  queue.addEventListener("paged", ({ detail }) => update(detail));
  queue.addEventListener("picked", () => {
    queue.entries.forEach(update);
    byId("queue").hidden = queue.entries.length < 2;
    for (const [entry, { button }] of buttons) button.setAttribute("aria-current", entry === queue.current);
  });
}

function added(queue, entry) {
  const state = make("span", { class: "state" });
  const button = make("button", { type: "button" }, thumbnail(entry), make("span", { class: "name" }, entry.name), state);
  button.addEventListener("click", () => queue.show(entry));
  byId("queue").append(make("li", {}, button));
  return { button, state };
}

function thumbnail({ url }) {
  if (!url) return make("span", { class: "no-preview" });
  const preview = make("img", { src: url, alt: "" });
  preview.addEventListener("error", () => preview.replaceWith(make("span", { class: "no-preview" })));
  return preview;
}
