/** The search field of a document: counts hits on all pages, and goes from one to the next. */

import { byId, say } from "./dom.js";
import { counted } from "./numbers.js";
import { hitsOf } from "./page_search.js";

export class SearchView extends EventTarget {
  #hits = [];
  #at = -1;
  #of = null;

  /** @param {import("./queue.js").Queue} queue */
  constructor(queue) {
    super();
    this.queue = queue;
    this.field = byId("search-field");
    this.field.addEventListener("input", () => this.#seek());
    this.field.addEventListener("keydown", (event) => this.#key(event));
    byId("search-before").addEventListener("click", () => this.#go(-1));
    byId("search-next").addEventListener("click", () => this.#go(1));
    queue.addEventListener("picked", () => this.#open());
    queue.addEventListener("paged", ({ detail }) => detail === queue.current && this.#more());
  }

  /** What is found on the page that is shown: all of it, and the hit that was gone to. */
  get onPage() {
    return { hits: this.#hits.filter(({ page }) => page === this.queue.shown), current: this.#hits[this.#at] };
  }

  #open() {
    byId("search").hidden = !this.queue.current.pages?.read.length;
    if (this.#of === this.queue.current.pages) return;
    this.#of = this.queue.current.pages;
    this.field.value = "";
    this.#hits = [];
    this.#at = -1;
    this.#count();
  }

  /** What is sought has changed: begin on the page that is shown. */
  #seek() {
    this.#find();
    const from = this.#of.read.indexOf(this.queue.shown);
    this.#at = this.#hits.findIndex(({ page }) => this.#of.read.indexOf(page) >= from);
    if (this.#at < 0 && this.#hits.length) this.#at = 0;
    this.#arrive();
    if (this.field.value.trim()) say(byId("search-count").textContent);
  }

  /** A page has come: its hits follow those that are there. */
  #more() {
    byId("search").hidden = false;
    if (!this.field.value.trim()) return;
    this.#find();
    this.#count();
    this.dispatchEvent(new Event("found"));
  }

  #find() {
    this.#hits = hitsOf(this.#of.read, this.field.value);
  }

  #go(step) {
    if (!this.#hits.length) return;
    this.#at = (this.#at + step + this.#hits.length) % this.#hits.length;
    this.#arrive();
    const { page, words } = this.#hits[this.#at];
    say(`${byId("search-count").textContent}, page ${page.number}: ${words.map(({ text }) => text).join(" ")}`);
  }

  #arrive() {
    this.#count();
    const hit = this.#hits[this.#at];
    if (hit) this.queue.turnTo(hit.page);
    this.dispatchEvent(new Event("found"));
  }

  #count() {
    const pages = new Set(this.#hits.map(({ page }) => page)).size;
    const place = this.#at < 0 ? counted(this.#hits.length, "hit") : `Hit ${this.#at + 1} of ${this.#hits.length}`;
    const found = this.#hits.length ? `${place}, on ${counted(pages, "page")}` : "Not found";
    byId("search-count").textContent = this.field.value.trim() ? found : "";
    byId("search-before").disabled = byId("search-next").disabled = !this.#hits.length;
  }

  #key(event) {
    if (event.key === "Enter") {
      event.preventDefault();
      this.#go(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && this.field.value) {
      event.preventDefault();
      this.field.value = "";
      this.#seek();
    }
  }
}
