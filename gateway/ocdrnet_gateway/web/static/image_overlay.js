/** The image and, over it, an outline for each part that is shown. */

import { outline } from "./bounding_box.js";
import { byId, make, makeSvg, reveal } from "./dom.js";
import { percent } from "./numbers.js";

const SHEET = [210, 297]; // A4, for a page that is not there
const DENSE = 150; // outlines, from which on they are drawn finer, as on paper

export class ImageOverlay {
  #polygons = [];
  #parts = [];
  #size = [3, 2];
  #tag = null;
  #drawing = null;
  #hits = null;
  #isPaper = false;

  /** @param {import("./link.js").Link} link */
  constructor(link) {
    this.link = link;
    this.overlay = byId("image-overlay");
    link.addEventListener("pointed", ({ detail }) => this.#point(detail));
    byId("boxes-shown").addEventListener("change", () => this.#toggle());
    byId("full-size").addEventListener("change", ({ target }) => this.#enlarge(target.checked));
  }

  /** Show an image or a page of a document, without outlines for now. */
  show({ url, name, pages, number }) {
    const image = make("img", { src: url, alt: number ? `Page ${number}` : `The image ${name}` });
    image.addEventListener("load", () => this.#parts.length || this.#resize(image.naturalWidth, image.naturalHeight));
    image.addEventListener("error", () => image.replaceWith(make("p", { class: "no-preview" }, noPreview(name))));
    this.image = image;
    this.overlay.replaceChildren(url ? image : make("p", { class: "no-preview" }, pages ? "" : `There is no image of ${name}.`));
    this.#hits = null;
    this.#isPaper = Boolean(number);
    this.#polygons = this.#parts = [];
    if (!url) this.#resize(...SHEET);
  }

  isReading(yes) {
    this.overlay.classList.toggle("reading", yes);
  }

  /** Draw the outlines of `parts`, in pixels of an image of this size. */
  outlines(parts, { width, height }) {
    this.#resize(width, height);
    this.#parts = parts;
    this.#polygons = parts.map((part, index) => this.#polygon(part, index));
    const place = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    this.#drawing?.remove();
    this.#drawing = makeSvg("svg", { ...place, class: this.#isPaper || parts.length > DENSE ? "dense" : "" }, ...this.#polygons);
    this.#tag?.remove();
    this.overlay.append(this.#drawing);
    this.#toggle();
  }

  /** Tint what a search found, whether the outlines are shown or not. */
  mark(hits) {
    this.#hits?.remove();
    const [width, height] = this.#size;
    const polygons = hits.flatMap(({ boxes, isCurrent }) =>
      boxes.map((box) => makeSvg("polygon", { points: box.join(" "), class: isCurrent ? "hit gone-to" : "hit" })));
    const place = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" };
    this.#hits = polygons.length ? makeSvg("svg", { ...place, class: "hits" }, ...polygons) : null;
    if (this.#hits) this.overlay.append(this.#hits);
    const goneTo = this.#hits?.querySelector(".gone-to");
    if (goneTo) reveal(goneTo, byId("stage"));
  }

  #polygon(part, index) {
    const polygon = makeSvg("polygon", { points: outline(part).join(" ") });
    polygon.addEventListener("pointerenter", () => this.link.point(index, "image"));
    polygon.addEventListener("pointerleave", () => this.link.point(-1, "image"));
    polygon.addEventListener("click", () => this.link.pick(index));
    return polygon;
  }

  #point({ index, from }) {
    this.#tag?.remove();
    this.#polygons.forEach((polygon, other) => polygon.classList.toggle("active", other === index));
    this.#drawing?.classList.toggle("pointing", index >= 0);
    if (!this.#polygons[index]) return;
    // The list has the text and its score already; over the image they would hide what lies around.
    if (from === "image") this.overlay.append((this.#tag = this.#tagFor(this.#parts[index])));
    else if (this.overlay.classList.contains("full")) this.#polygons[index].scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #tagFor(part) {
    const [width, height] = this.#size;
    const points = outline(part);
    const tops = points.map(([, y]) => y);
    const isBelow = Math.min(...tops) < 0.12 * height;
    const middle = points.reduce((sum, [x]) => sum + x, 0) / points.length / width;
    const score = make("span", { class: "score" }, percent(part.score));
    const tag = make("div", { class: isBelow ? "tag below" : "tag", "aria-hidden": "true" }, part.text, score);
    tag.style.left = `${100 * Math.min(0.85, Math.max(0.15, middle))}%`;
    tag.style.top = `${(100 * (isBelow ? Math.max(...tops) : Math.min(...tops))) / height}%`;
    return tag;
  }

  #resize(width, height) {
    this.#size = [width, height];
    this.overlay.style.setProperty("--ratio", width / height);
    this.overlay.style.setProperty("--pixels", width);
  }

  #enlarge(isFull) {
    this.overlay.classList.toggle("full", isFull);
    // What scrolls must also scroll by keys.
    if (isFull) byId("stage").tabIndex = 0;
    else byId("stage").removeAttribute("tabindex");
  }

  #toggle() {
    this.#drawing?.toggleAttribute("hidden", !byId("boxes-shown").checked);
  }
}

const noPreview = (name) => `This browser has no preview of ${name}.`;
