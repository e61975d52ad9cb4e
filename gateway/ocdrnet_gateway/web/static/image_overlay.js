/** The image and, over it, an outline for each part that is shown. */

import { outline } from "./bounding_box.js";
import { byId, make, makeSvg } from "./dom.js";
import { percent } from "./numbers.js";

const DENSE = 150; // outlines, from which on they are drawn finer

export class ImageOverlay {
  #polygons = [];
  #parts = [];
  #size = [3, 2];
  #tag = null;

  /** @param {import("./link.js").Link} link */
  constructor(link) {
    this.link = link;
    this.overlay = byId("image-overlay");
    link.addEventListener("pointed", ({ detail }) => this.#point(detail));
    byId("boxes-shown").addEventListener("change", () => this.#toggle());
    byId("full-size").addEventListener("change", ({ target }) => this.#enlarge(target.checked));
  }

  /** Show an image, without outlines for now. */
  show({ url, name }) {
    const image = make("img", { src: url, alt: `The image ${name}` });
    image.addEventListener("load", () => this.#parts.length || this.#resize(image.naturalWidth, image.naturalHeight));
    image.addEventListener("error", () => image.replaceWith(make("p", { class: "no-preview" }, noPreview(name))));
    this.image = image;
    this.overlay.replaceChildren(image);
    this.#polygons = this.#parts = [];
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
    const svg = makeSvg("svg", { ...place, class: parts.length > DENSE ? "dense" : "" }, ...this.#polygons);
    this.overlay.querySelector("svg")?.remove();
    this.#tag?.remove();
    this.overlay.append(svg);
    this.#toggle();
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
    this.overlay.querySelector("svg")?.classList.toggle("pointing", index >= 0);
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
    this.overlay.querySelector("svg")?.toggleAttribute("hidden", !byId("boxes-shown").checked);
  }
}

const noPreview = (name) => `This browser has no preview of ${name}.`;
