/** Downloads of a document: all pages that were read, in the format that is chosen. */

import { exported } from "./document_request.js";
import { byId, make } from "./dom.js";
import { save } from "./actions.js";

const FORMATS = [
  { output: "pdf", suffix: "-searchable.pdf", title: "Searchable PDF", help: "the same pages, with text to search and copy" },
  { output: "markdown", suffix: ".md", title: "Markdown", help: "headings, lists and tables, for people and language models" },
  { output: "text", suffix: ".txt", title: "Text", help: "line by line, a form feed between pages" },
  { output: "json", suffix: ".json", title: "JSON", help: "everything: boxes, words, scores" },
  { output: "hocr", suffix: ".hocr", title: "hOCR", help: "words with boxes, as HTML" },
  { output: "alto", suffix: ".alto.xml", title: "ALTO", help: "words with boxes, as libraries archive them" },
  { output: "tsv", suffix: ".tsv", title: "TSV", help: "words with boxes, for spreadsheets" },
];

/** @param {import("./queue.js").Queue} queue whose current document is offered */
export function setUpDocumentDownloads(queue) {
  const dialog = byId("downloads");
  byId("open-downloads").addEventListener("click", () => {
    byId("downloads-note").textContent = noteOf(queue.current.pages);
    tell("");
    dialog.showModal();
  });
  byId("downloads-close").addEventListener("click", () => dialog.close());
  byId("downloads-list").append(...FORMATS.map((format) => make("li", {}, buttonFor(format, queue))));
}

function buttonFor(format, queue) {
  const words = [make("span", { class: "title" }, format.title), make("span", { class: "help" }, format.help)];
  const button = make("button", { type: "button", "data-output": format.output }, ...words);
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    tell(`Writing ${format.title} …`);
    try {
      save(await written(format.output, queue), `${stem(queue.current.name)}${format.suffix}`);
      tell("");
      byId("downloads").close();
    } catch (problem) {
      tell(problem.said || `${problem.title}. ${problem.advice}`, true);
    }
    button.setAttribute("aria-busy", "false");
  });
  return button;
}

function tell(words, isProblem = false) {
  byId("downloads-state").textContent = words;
  byId("downloads-state").classList.toggle("said", isProblem);
}

/** JSON is here already; what else there is, the server writes. */
function written(output, { current: document, options, limit }) {
  const answers = document.pages.read.map(({ answer }) => answer);
  return output === "json" ? jsonOf(document, answers) : exported(answers, output, document, { options: options(), limit });
}

function jsonOf({ name, pages }, answers) {
  const read = answers.filter(({ error }) => !error);
  const lines = read.flatMap((page) => page.lines);
  const counts = { pages_read: read.length, lines: lines.length, words: lines.flatMap((line) => line.words).length };
  const whole = { document: name, page_count: pages.count, ...counts, pages: answers };
  return new Blob([`${JSON.stringify(whole, null, 2)}\n`], { type: "application/json" });
}

function noteOf({ read, count }) {
  const failed = read.filter(({ state }) => state === "failed").length;
  const missing = failed ? ` ${failed === 1 ? "One page was not read and stays" : `${failed} pages were not read and stay`} empty.` : "";
  return read.length < count ? `${read.length} of ${count} pages are there so far.${missing}` : `All ${count} pages.${missing}`;
}

const stem = (name) => name.replace(/\.[^.]*$/, "");
