/** The text, part by part: a list box whose options light up on the image. */

import { byId, make, reveal } from "./dom.js";
import { percent } from "./numbers.js";

const DOUBTFUL = 0.8; // below this share of confidence a part is marked

export class TextList {
  #options = [];

  /**
   * @param {import("./link.js").Link} link
   */
  constructor(link) {
    this.link = link;
    this.list = byId("list");
    this.list.addEventListener("keydown", (event) => this.#key(event));
    link.addEventListener("pointed", ({ detail }) => this.#point(detail));
    link.addEventListener("picked", ({ detail }) => this.#options[detail.index]?.focus());
  }

  /**
   * @param {{part: Object, gap: string}[][]} rows
   * @param {string} level
   */
  show(rows, level) {
    this.#options = [];
    this.list.className = `list ${level}`;
    this.list.replaceChildren(rows.length ? this.#listBox(rows, level) : nothing());
    this.#options.forEach((option, index) => this.#watch(option, index));
    if (this.#options[0]) this.#options[0].tabIndex = 0;
  }

  /** Mark options as found by a search; the one that it went to comes into view. */
  mark(indices, current) {
    this.#options.forEach((option, index) => {
      option.classList.toggle("found", indices.has(index));
      option.classList.toggle("gone-to", index === current);
    });
    if (this.#options[current]) reveal(this.#options[current], this.list);
  }

  #listBox(rows, level) {
    const made = level === "word" ? (row, first) => this.#wordRow(row, first) : ([{ part }], first) => this.#row(part, first);
    const isFirst = (index) => rows[index - 1]?.[0].part.paragraph !== rows[index][0].part.paragraph;
    const children = rows.map((row, index) => made(row, isFirst(index)));
    return make("div", { role: "listbox", "aria-label": `Text in ${level}s`, "aria-orientation": "vertical" }, ...children);
  }

  #row(part, isFirst) {
    const text = make("span", { class: "text", dir: "auto" }, part.text);
    return this.#option(part, `row${isFirst ? " first" : ""}`, text, make("span", { class: "score" }, percent(part.score)));
  }

  #wordRow(row, isFirst) {
    const words = row.flatMap(({ part, gap }, index) => [...(index && gap ? [gap] : []), this.#option(part, "word", part.text)]);
    return make("div", { class: `words${isFirst ? " first" : ""}`, role: "group", "aria-label": "Line", dir: "auto" }, ...words);
  }

  #option(part, name, ...children) {
    const classes = part.score < DOUBTFUL ? `${name} doubtful` : name;
    const tag = name === "word" ? "span" : "div";
    const option = make(tag, { class: classes, role: "option", tabindex: -1, "aria-selected": "false" }, ...children);
    this.#options.push(option);
    return option;
  }

  #watch(option, index) {
    option.addEventListener("pointerenter", () => this.link.point(index, "list"));
    option.addEventListener("pointerleave", () => this.link.point(this.#focused(), "list"));
    option.addEventListener("focus", () => this.link.point(index, "list"));
    option.addEventListener("blur", () => this.link.point(-1, "list"));
  }

  #point({ index, from }) {
    this.#options.forEach((option, other) => {
      option.classList.toggle("active", other === index);
      option.setAttribute("aria-selected", other === index);
    });
    if (from === "image") this.#options[index]?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const at = this.#focused();
    const last = this.#options.length - 1;
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.#options[at].tabIndex = -1;
    const next = this.#options[Math.min(last, Math.max(0, to))];
    next.tabIndex = 0;
    next.focus();
  }

  #focused() {
    return this.#options.indexOf(document.activeElement);
  }
}

const nothing = () => make("p", { class: "none" }, "Nothing to show here.");
