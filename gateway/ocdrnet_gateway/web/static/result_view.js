/** The second view: shows the current image or page of the queue in whatever state it is. */

import { setUpActions } from "./actions.js";
import { byId, make, say } from "./dom.js";
import { askForKey } from "./key.js";
import { passwordForm } from "./password.js";
import { Link } from "./link.js";
import { counted, duration, percent } from "./numbers.js";
import { ImageOverlay } from "./image_overlay.js";
import { filteredView } from "./filtered_view.js";
import { SearchView } from "./search_view.js";
import { TextList } from "./text_list.js";
import { showTiming } from "./timing.js";

export class ResultView {
  /** @param {import("./queue.js").Queue} queue */
  constructor(queue) {
    this.queue = queue;
    this.link = new Link();
    this.overlay = new ImageOverlay(this.link);
    this.list = new TextList(this.link);
    this.search = new SearchView(queue);
    this.search.addEventListener("found", () => this.#mark());
    queue.addEventListener("picked", () => this.#open());
    queue.addEventListener("changed", ({ detail }) => detail === queue.current && this.#changed());
    byId("levels").addEventListener("change", () => this.#fill());
    byId("confidence").addEventListener("input", () => this.#fill());
    byId("cancel").addEventListener("click", () => queue.cancel(queue.current));
    byId("go-on").addEventListener("click", () => queue.goOn(queue.current));
    setUpActions(() => this.#offered());
    setInterval(() => this.#progress(), 100);
  }

  #open() {
    const isFirst = byId("result-view").hidden;
    byId("intake").hidden = true;
    byId("result-view").hidden = false;
    byId("result-view-title").textContent = this.queue.current.name;
    this.overlay.show(this.queue.shown);
    this.reported = null;
    this.#update();
    if (isFirst) byId("result-view-title").focus();
  }

  #changed() {
    const { state, pages } = this.queue.current;
    this.#update();
    if (pages && state === "done") say(`${counted(pages.count, "page")} read.`);
  }

  #update() {
    const { current: entry, shown } = this.queue;
    const { state, problem, page } = shown;
    const isUnderWay = isUnread(entry);
    byId("progress").hidden = !isUnderWay;
    byId("progress").classList.toggle("slim", shown !== entry);
    byId("problem").hidden = state !== "failed";
    byId("result").hidden = state !== "done" || !page;
    byId("result-view").classList.toggle("of-document", Boolean(entry.pages));
    byId("open-downloads").hidden = shown === entry;
    this.overlay.isReading(isUnread(shown));
    showTiming(state === "done" && shown.timing);
    byId("facts").textContent = factsOf(entry, shown);
    this.#stopped(entry, shown);
    this.#progress();
    if (state === "failed" && this.reported !== problem) this.#explain((this.reported = problem));
    // The list keeps its focus while other pages come.
    if (page && this.reported !== page) this.#report((this.reported = page), shown.timing);
  }

  #report(page, timing) {
    const notes = warnings(page);
    byId("warnings").hidden = !notes.length;
    byId("warnings").replaceChildren(...notes.map((note) => make("li", {}, note)));
    this.#fill();
    if (timing) say(`${counted(page.lines.length, "line")} read in ${duration(timing.browser.total_ms)}.`);
  }

  /** A document that ended before its last page: what there is holds, and the rest can still be read. */
  #stopped({ state, problem, pages }, { number }) {
    byId("stopped").hidden = state !== "failed" || !number;
    if (byId("stopped").hidden) return;
    const words = `${problem.title}: ${pages.read.length} of ${counted(pages.count, "page")} read. ${problem.said}`;
    byId("stopped-words").textContent = words.trim();
  }

  /** Draw what level and confidence leave. */
  #fill() {
    const { page } = this.queue.shown;
    if (!page) return;
    const view = currentView();
    const shown = filteredView(page, view);
    this.link.point(-1, "list");
    this.shown = shown;
    this.overlay.outlines(shown.parts, page);
    this.list.show(shown.rows, view.level);
    byId("confidence-value").textContent = view.least ? `≥ ${percent(view.least)}` : "any";
    byId("count").textContent = countOf(shown, view.level, page);
    for (const button of byId("actions").querySelectorAll("button:not([data-download=json], [data-download=overlay])")) {
      button.disabled = !shown.parts.length;
    }
    this.#mark();
  }

  /** Tint what the search found on this page. */
  #mark() {
    if (!this.queue.shown?.page || !this.shown) return;
    const { hits, current } = this.search.onPage;
    this.overlay.mark(hits.map((hit) => ({ boxes: hit.boxes, isCurrent: hit === current })));
    const words = new Set(hits.flatMap((hit) => hit.words));
    const isIn = (part, found) => part.words.some((word) => found(word));
    const found = this.shown.parts.flatMap((part, index) => (isIn(part, (word) => words.has(word)) ? [index] : []));
    const goneTo = hits.includes(current) && this.shown.parts.findIndex((part) => isIn(part, (word) => word === current.words[0]));
    this.list.mark(new Set(found), goneTo === false ? -1 : goneTo);
  }

  #offered() {
    return { ...this.shown, image: this.overlay.image, type: this.queue.current.file.type };
  }

  #progress() {
    const entry = this.queue.current;
    if (!entry || byId("progress").hidden) return;
    const share = shareOf(entry);
    if (share === null) byId("progress-bar").removeAttribute("value");
    else byId("progress-bar").value = share;
    byId("progress-words").textContent = progressWords(entry);
  }

  #explain(problem) {
    const isPlain = problem.wantsPassword; // the title says it all
    const said = problem.said && !isPlain && make("p", { class: "said" }, problem.said);
    const request = problem.requestId && !isPlain && make("p", { class: "request" }, `Request ${problem.requestId}`);
    const parts = [make("h3", {}, problem.title), make("p", {}, adviceOf(problem)), said, request, this.#wayOut(problem)];
    byId("problem").replaceChildren(...parts.filter(Boolean));
    say(`${problem.title}. ${isPlain ? "" : problem.said}`);
  }

  #wayOut({ status, isPassing, isOfPage, wantsPassword }) {
    const entry = this.queue.current;
    if (isOfPage) return null;
    if (wantsPassword) return passwordForm((password) => this.queue.again(Object.assign(entry, { password })));
    if (status === 401) return wayOut("Enter a key", async () => (await askForKey()) && this.queue.again(entry));
    if (isPassing) return wayOut("Try again", () => this.queue.again(entry));
    return wayOut("Choose another file", () => byId("files").click());
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

function countOf({ parts, of }, level, { page, text_source }) {
  if (!of) return `No text was found ${page ? "on this page" : "in this image"}.`;
  const count = parts.length === of ? counted(of, level) : `${parts.length} of ${counted(of, level)}`;
  return text_source === "text_layer" ? `${count}, from the PDF’s own text` : count;
}

function factsOf({ pages }, { page, number }) {
  const size = page ? `${page.width} × ${page.height} pixels` : "";
  return number ? [`Page ${number} of ${pages.count}`, size].filter(Boolean).join(" · ") : size;
}

const isUnread = ({ state }) => state === "waiting" || state === "reading";

/** How far a reading is, 0 to 1; null where nothing tells. */
function shareOf({ state, sent, pages }) {
  if (pages) return pages.count ? pages.read.length / pages.count : null;
  return state === "reading" && sent < 1 ? sent : null;
}

function progressWords(entry) {
  const { state, sent, since, pages } = entry;
  if (pages?.count) return `${pages.read.length} of ${counted(pages.count, "page")}`;
  if (state === "waiting") return "Waiting for the files before it";
  const seconds = `${((performance.now() - since) / 1000).toFixed(1)} s`;
  if (pages) return `Opening the document, ${seconds}`;
  return sent < 1 ? `Sending, ${percent(sent)}` : `Reading, ${seconds}`;
}

function adviceOf({ advice, retryAfter }) {
  return retryAfter ? `${advice} It asks to wait ${counted(retryAfter, "second")}.` : advice;
}

function warnings({ truncated, frames, unreadable }) {
  const notes = [];
  if (truncated) notes.push("More text was found than the limit allows, some is missing. Options, “Max candidates” raises it.");
  if (frames > 1) notes.push(`Only the first of ${frames} frames or pages was read.`);
  if (unreadable) {
    const looks = unreadable > 1 ? "look" : "looks";
    notes.push(`${counted(unreadable, "region")} ${looks} like text in a script that this server does not know, and is not read.`);
  }
  return notes;
}
