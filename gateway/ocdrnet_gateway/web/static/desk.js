/** The second view: shows the current picture of the tray in whatever state it is. */

import { setUpActions } from "./actions.js";
import { byId, make, say } from "./dom.js";
import { askForKey } from "./key.js";
import { Link } from "./link.js";
import { counted, duration, percent } from "./numbers.js";
import { Sheet } from "./sheet.js";
import { shownOf } from "./shown.js";
import { TextList } from "./text_list.js";
import { showTiming } from "./timing.js";

export class Desk {
  /** @param {import("./tray.js").Tray} tray */
  constructor(tray) {
    this.tray = tray;
    this.link = new Link();
    this.sheet = new Sheet(this.link);
    this.list = new TextList(this.link);
    tray.addEventListener("picked", () => this.#open());
    tray.addEventListener("changed", ({ detail }) => detail === tray.current && this.#update());
    byId("levels").addEventListener("change", () => this.#fill());
    byId("confidence").addEventListener("input", () => this.#fill());
    byId("cancel").addEventListener("click", () => tray.cancel(tray.current));
    setUpActions(() => this.#offered());
    setInterval(() => this.#progress(), 100);
  }

  #open() {
    const isFirst = byId("desk").hidden;
    byId("intake").hidden = true;
    byId("desk").hidden = false;
    byId("desk-title").textContent = this.tray.current.name;
    this.sheet.picture(this.tray.current);
    this.#update();
    if (isFirst) byId("desk-title").focus();
  }

  #update() {
    const { state, problem, page, timing } = this.tray.current;
    const isUnderWay = state === "waiting" || state === "reading";
    byId("progress").hidden = !isUnderWay;
    byId("problem").hidden = state !== "failed";
    byId("result").hidden = state !== "done";
    this.sheet.isReading(isUnderWay);
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
    const { page } = this.tray.current;
    if (!page) return;
    const view = currentView();
    const shown = shownOf(page, view);
    this.link.point(-1, "list");
    this.shown = shown;
    this.sheet.outlines(shown.parts, page);
    this.list.show(shown.rows, view.level);
    byId("confidence-value").textContent = view.least ? `≥ ${percent(view.least)}` : "any";
    byId("count").textContent = countOf(shown, view.level);
    for (const button of byId("actions").querySelectorAll("button:not([data-download=json], [data-download=overlay])")) {
      button.disabled = !shown.parts.length;
    }
  }

  #offered() {
    return { ...this.shown, image: this.sheet.image, type: this.tray.current.file.type };
  }

  #progress() {
    const picture = this.tray.current;
    if (!picture || byId("progress").hidden) return;
    const isSending = picture.state === "reading" && picture.sent < 1;
    if (isSending) byId("progress-bar").value = picture.sent;
    else byId("progress-bar").removeAttribute("value");
    byId("progress-words").textContent = progressWords(picture, isSending);
  }

  #explain(problem) {
    const said = problem.said && make("p", { class: "said" }, problem.said);
    const request = problem.requestId && make("p", { class: "request" }, `Request ${problem.requestId}`);
    const parts = [make("h3", {}, problem.title), make("p", {}, adviceOf(problem)), said, request, this.#wayOut(problem)];
    byId("problem").replaceChildren(...parts.filter(Boolean));
    say(`${problem.title}. ${problem.said}`);
  }

  #wayOut({ status, isPassing }) {
    const picture = this.tray.current;
    if (status === 401) return wayOut("Enter a key", async () => (await askForKey()) && this.tray.again(picture));
    if (isPassing) return wayOut("Try again", () => this.tray.again(picture));
    return wayOut("Choose another picture", () => byId("files").click());
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
  if (!of) return "No text was found in this picture.";
  return parts.length === of ? counted(of, level) : `${parts.length} of ${counted(of, level)}`;
}

function progressWords({ state, sent, since }, isSending) {
  if (state === "waiting") return "Waiting for the pictures before it";
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
