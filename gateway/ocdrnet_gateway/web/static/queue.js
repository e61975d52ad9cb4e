/** The images and documents handed over and what became of each; reads them one after the other. */

import { readDocument } from "./document_request.js";
import { Problem } from "./problem.js";
import { read } from "./request.js";

/**
 * What was handed over; or one page of a document, which has no `file`.
 * @typedef {{name: string, url: string, state: string, page: ?Object, problem: ?Problem}} Shown
 * @typedef {Shown & {id: number, file: File, sent: number, since: number, pages: ?DocumentPages, password: string}} Entry
 * @typedef {{count: number, read: (Shown & {number: number})[], shown: ?Shown}} DocumentPages
 */

export class Queue extends EventTarget {
  /**
   * @param {{options: function(): Object<string, string>, limit: number}} settings `limit`: bytes of a file
   */
  constructor({ options, limit }) {
    super();
    Object.assign(this, { options, limit, entries: [], current: null, isBusy: false });
  }

  /** What is on the screen: an image, a page of a document, or a document without pages yet. */
  get shown() {
    return this.current?.pages?.shown ?? this.current;
  }

  /** Take files in, show the first of them, read them. */
  add(files) {
    const added = [...files].map((file, index) => this.#entry(file, this.entries.length + index));
    if (!added.length) return;
    this.entries.push(...added);
    this.show(added[0]);
    this.#work();
  }

  show(entry) {
    this.current = entry;
    this.#tell("picked");
  }

  /** Show a page of the current document. */
  turnTo(page) {
    if (this.shown === page) return;
    this.current.pages.shown = page;
    this.#tell("picked");
  }

  /** Read an entry again, for instance with other options or another key. */
  again(entry) {
    if (entry.state === "reading") return;
    entry.pages?.read.forEach(({ url }) => URL.revokeObjectURL(url));
    Object.assign(entry, { state: "waiting", page: null, problem: null, pages: entry.pages && noPages() });
    this.#tell("changed", entry);
    if (entry.pages && entry === this.current) this.#tell("picked");
    this.#work();
  }

  /** Read the pages of a document that have not come yet. */
  goOn(entry) {
    if (entry.state !== "failed") return;
    Object.assign(entry, { state: "waiting", problem: null });
    this.#tell("changed", entry);
    this.#work();
  }

  cancel(entry) {
    entry.stop?.abort();
    if (entry.state === "waiting") this.#set(entry, { state: "failed", problem: Problem.cancelled() });
  }

  async #work() {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next; (next = this.entries.find((entry) => entry.state === "waiting")); ) await this.#read(next);
    this.isBusy = false;
  }

  async #read(entry) {
    const stop = new AbortController();
    this.#set(entry, { state: "reading", sent: 0, since: performance.now(), stop });
    try {
      if (entry.file.size > this.limit) throw Problem.tooLarge(entry.file, this.limit);
      if (entry.pages) await this.#readDocument(entry, stop.signal);
      else await this.#readImage(entry, stop.signal);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#set(entry, { state: "failed", problem: error });
    }
  }

  async #readImage(entry, signal) {
    const hooks = { signal, onSent: (sent) => this.#set(entry, { sent }) };
    const { page, timing } = await read(entry.file, this.options(), hooks);
    this.#set(entry, { state: "done", page: { ...page, image: entry.name }, timing });
  }

  async #readDocument(entry, signal) {
    const { pages, password } = entry;
    const before = pages.read.length;
    const choice = { options: this.options(), pages: `${before + 1}-`, password };
    const hooks = { signal, onCount: (count) => (pages.count = before + count), onPage: (page) => this.#addPage(entry, page) };
    try {
      await readDocument(entry.file, choice, hooks);
      if (pages.read.length < pages.count) throw Problem.away(); // the server ended in the middle
    } catch (error) {
      if (!pages.count || pages.read.length < pages.count) throw error;
    }
    this.#set(entry, { state: "done" });
  }

  #addPage(entry, { answer, preview }) {
    const { error, page: number } = answer;
    const result = error ? { state: "failed", problem: Problem.ofPage(number, error) } : { state: "done", page: answer };
    const name = `${entry.name}, page ${number}`;
    entry.pages.read.push({ number, name, answer, url: preview ? URL.createObjectURL(preview) : "", ...result });
    if (!entry.pages.shown) {
      entry.pages.shown = entry.pages.read[0];
      if (entry === this.current) this.#tell("picked");
    }
    this.#tell("paged", entry);
  }

  #entry(file, id) {
    const name = file.name || `pasted-${id + 1}.${file.type.split("/")[1] || "png"}`;
    const pages = isDocument(file) ? noPages() : null;
    return { id, name, file, url: pages ? "" : URL.createObjectURL(file), state: "waiting", sent: 0, since: 0, pages, password: "" };
  }

  #set(entry, values) {
    Object.assign(entry, values);
    this.#tell("changed", entry);
  }

  #tell(type, entry = this.current) {
    this.dispatchEvent(new CustomEvent(type, { detail: entry }));
  }
}

const noPages = () => ({ count: 0, read: [], shown: null });

// Also by the name: a file manager may not know the type.
const isDocument = ({ type, name = "" }) => /^(application\/pdf|image\/tiff)$/.test(type) || /\.(pdf|tiff?)$/i.test(name);
