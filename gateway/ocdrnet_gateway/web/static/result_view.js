/** The second view: shows the current image of the queue in whatever state it is. */

import { setUpActions } from "./actions.js";
import { byId, make, say } from "./dom.js";
import { askForKey } from "./key.js";
import { Link } from "./link.js";
import { counted, duration, percent } from "./numbers.js";
import { ImageOverlay } from "./image_overlay.js";
import { filteredView } from "./filtered_view.js";
import { TextList } from "./text_list.js";
import { showTiming } from "./timing.js";

export class ResultView {
  /** @param {import("./queue.js").Queue} queue */
  constructor(queue) {
    this.queue = queue;
    this.link = new Link();
    this.overlay = new ImageOverlay(this.link);
    this.list = new TextList(this.link);
    queue.addEventListener("picked", () => this.#open());
    queue.addEventListener("changed", ({ detail }) => detail === queue.current && this.#update());
    byId("levels").addEventListener("change", () => this.#fill());
    byId("confidence").addEventListener("input", () => this.#fill());
    byId("cancel").addEventListener("click", () => queue.cancel(queue.current));
    setUpActions(() => this.#offered());
    setInterval(() => this.#progress(), 100);
  }

  #open() {
    const isFirst = byId("result-view").hidden;
    byId("intake").hidden = true;
    byId("result-view").hidden = false;
    byId("result-view-title").textContent = this.queue.current.name;
    this.overlay.show(this.queue.current);
    this.#update();
    if (isFirst) byId("result-view-title").focus();
  }

  #update() {
    const { state, problem, page, timing } = this.queue.current;
    const isUnderWay = state === "waiting" || state === "reading";
    byId("progress").hidden = !isUnderWay;
    byId("problem").hidden = state !== "failed";
    byId("result").hidden = state !== "done";
    this.overlay.isReading(isUnderWay);
    showTiming(state === "done" && timing);
    byId("facts").textContent = page ? `${page.width} × ${page.height} pixels` : "";
    this.#progress();
    if (state === "failed") this.#explain(problem);
    if (state === "done") this.#report(page, timing);
  }

  #report(page, timing) {
    const notes = warnings(page);
    byId("warnings").hidden = !notes.length;
    byId("warnings").replaceChildren(...notes.map((note) => make("li", {}, note)));
    this.#fill();
    say(`${counted(page.lines.length, "line")} read in ${duration(timing.browser.total_ms)}.`);
  }

  /** Draw what level and confidence leave. */
  #fill() {
    const { page } = this.queue.current;
    if (!page) return;
    const view = currentView();
    const shown = filteredView(page, view);
    this.link.point(-1, "list");
    this.shown = shown;
    this.overlay.outlines(shown.parts, page);
    this.list.show(shown.rows, view.level);
    byId("confidence-value").textContent = view.least ? `≥ ${percent(view.least)}` : "any";
    byId("count").textContent = countOf(shown, view.level);
    for (const button of byId("actions").querySelectorAll("button:not([data-download=json], [data-download=overlay])")) {
      button.disabled = !shown.parts.length;
    }
  }

  #offered() {
    return { ...this.shown, image: this.overlay.image, type: this.queue.current.file.type };
  }

  #progress() {
    const image = this.queue.current;
    if (!image || byId("progress").hidden) return;
    const isSending = image.state === "reading" && image.sent < 1;
    if (isSending) byId("progress-bar").value = image.sent;
    else byId("progress-bar").removeAttribute("value");
    byId("progress-words").textContent = progressWords(image, isSending);
  }

  #explain(problem) {
    const said = problem.said && make("p", { class: "said" }, problem.said);
    const request = problem.requestId && make("p", { class: "request" }, `Request ${problem.requestId}`);
    const parts = [make("h3", {}, problem.title), make("p", {}, adviceOf(problem)), said, request, this.#wayOut(problem)];
    byId("problem").replaceChildren(...parts.filter(Boolean));
    say(`${problem.title}. ${problem.said}`);
  }

  #wayOut({ status, isPassing }) {
    const image = this.queue.current;
    if (status === 401) return wayOut("Enter a key", async () => (await askForKey()) && this.queue.again(image));
    if (isPassing) return wayOut("Try again", () => this.queue.again(image));
    return wayOut("Choose another image", () => byId("files").click());
  }
}

function wayOut(words, go) {
  const button = make("button", { type: "button", class: "main" }, words);
  button.addEventListener("click", go);
  return button;
}

function currentView() {
  const level = document.querySelector("input[name=level]:checked").value;
  return { level, least: byId("confidence").valueAsNumber / 100 };
}

function countOf({ parts, of }, level) {
  if (!of) return "No text was found in this image.";
  return parts.length === of ? counted(of, level) : `${parts.length} of ${counted(of, level)}`;
}

function progressWords({ state, sent, since }, isSending) {
  if (state === "waiting") return "Waiting for the images before it";
  if (isSending) return `Sending, ${percent(sent)}`;
  return `Reading, ${((performance.now() - since) / 1000).toFixed(1)} s`;
}

function adviceOf({ advice, retryAfter }) {
  return retryAfter ? `${advice} It asks to wait ${counted(retryAfter, "second")}.` : advice;
}

function warnings({ truncated, frames }) {
  const notes = [];
  if (truncated) notes.push("More text was found than the limit allows, some is missing. Options, “Max candidates” raises it.");
  if (frames > 1) notes.push(`Only the first of ${frames} frames or pages was read.`);
  return notes;
}
