/** The pages of a document as small images: a list box, in which arrows turn the page. */

import { byId, make, reveal } from "./dom.js";
import { counted } from "./numbers.js";

export class PagesView {
  #options = new Map();
  #of = null;
  #seen = null;

  /** @param {import("./queue.js").Queue} queue */
  constructor(queue) {
    this.queue = queue;
    this.list = byId("pages");
    this.list.addEventListener("keydown", (event) => this.#key(event));
    queue.addEventListener("picked", () => this.#open());
    queue.addEventListener("paged", ({ detail }) => detail === queue.current && this.#open());
  }

  #open() {
    const { pages } = this.queue.current;
    this.list.hidden = !(pages?.count > 1 && pages.read.length);
    if (this.#of !== pages) {
      this.#of = pages;
      this.#options.clear();
      this.list.replaceChildren();
    }
    if (!pages) return;
    for (const page of pages.read) if (!this.#options.has(page)) this.#add(page);
    if (pages.shown) this.#select(pages.shown);
  }

  #add(page) {
    const image = page.url ? make("img", { src: page.url, alt: "", loading: "lazy", decoding: "async" }) : "";
    const sheet = make("span", { class: "sheet" }, image);
    const words = make("span", { class: "number" }, String(page.number));
    const attributes = { role: "option", class: `page-option ${page.state}`, "aria-label": labelOf(page), title: labelOf(page) };
    const option = make("div", { ...attributes, tabindex: -1, "aria-selected": "false" }, sheet, words);
    if (page.page) sheet.style.setProperty("--ratio", page.page.width / page.page.height);
    option.addEventListener("click", () => this.#turnTo(page));
    this.#options.set(page, option);
    this.list.append(option);
  }

  #select(shown) {
    for (const [page, option] of this.#options) {
      option.setAttribute("aria-selected", page === shown);
      option.tabIndex = page === shown ? 0 : -1;
    }
    if (this.#seen !== shown) reveal(this.#options.get(shown), this.list);
    this.#seen = shown;
  }

  #turnTo(page) {
    this.queue.turnTo(page);
    this.#options.get(page).focus({ preventScroll: true });
  }

  #key(event) {
    const { read, shown } = this.#of;
    const [at, last] = [read.indexOf(shown), read.length - 1];
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#turnTo(read[Math.min(last, Math.max(0, to))]);
  }
}

const labelOf = ({ number, page }) => `Page ${number}, ${page ? counted(page.lines.length, "line") : "not read"}`;
