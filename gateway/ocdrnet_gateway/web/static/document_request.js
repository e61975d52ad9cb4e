/** A document's requests: its pages as they are read, and what was read in another format. */

import { keyHeaders } from "./key.js";
import { Problem } from "./problem.js";

const PREVIEW = 1600; // pixels of a page's longer side: sharp beside the text, some 200 KB

/** @typedef {{answer: Object, preview: ?Blob}} ReadPage the server's own words, and a JPEG of the page */

/**
 * Read a document, a page at a time.
 * @param {Blob} file a PDF or a TIFF
 * @param {{options: Object<string, string>, pages: string, password: string}} choice `pages`: such as `5-`
 * @param {{onCount: function(number), onPage: function(ReadPage), signal: AbortSignal}} hooks `onCount` hears of how many
 *   pages will come, before the first
 * @returns {Promise<void>} rejects with a Problem; the pages before it hold
 */
export async function readDocument(file, { options, pages, password }, { onCount, onPage, signal }) {
  const query = new URLSearchParams({ ...options, output: "jsonl", preview: PREVIEW, pages });
  const answer = await asked(`/v1/read?${query}`, file, password, signal);
  onCount(Number(answer.headers.get("x-ocdrnet-pages")));
  await settled(async () => {
    for await (const line of linesOf(answer.body)) onPage(pageOf(JSON.parse(line)));
  });
}

/**
 * What was read, written by the server in another format. Where it is more than a request may hold, the document is read
 * again for it.
 * @param {Object[]} pages as the server answered them
 * @param {string} output
 * @param {{file: Blob, password: string}} document goes along where the format is a PDF
 * @param {{options: Object<string, string>, limit: number}} settings of the reading; `limit`: bytes of a request
 * @returns {Promise<Blob>} rejects with a Problem
 */
export async function exported(pages, output, { file, password }, { options, limit }) {
  const lines = pages.map((page) => `${JSON.stringify(page)}\n`);
  const body = new Blob(output === "pdf" ? [...lines, "\n", file] : lines);
  const again = { ...options, output, pages: `1-${pages.at(-1).page}` };
  const answer = await (body.size <= limit
    ? asked(`/v1/export?${new URLSearchParams({ output })}`, body, password)
    : asked(`/v1/read?${new URLSearchParams(again)}`, file, password));
  return settled(() => answer.blob());
}

async function asked(path, body, password, signal) {
  const headers = { "Content-Type": "application/octet-stream", ...keyHeaders(), ...passwordHeader(password) };
  return settled(async () => {
    const answer = await fetch(path, { method: "POST", body, headers, signal });
    if (!answer.ok) throw Problem.of(answer.status, await answer.text(), (name) => answer.headers.get(name));
    return answer;
  });
}

/** UTF-8: a header holds bytes. */
const passwordHeader = (password) =>
  password ? { "ocdrnet-password": String.fromCharCode(...new TextEncoder().encode(password)) } : {};

async function settled(work) {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw error.name === "AbortError" ? Problem.cancelled() : Problem.away();
  }
}

async function* linesOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let parts = [];
  for (let read; !(read = await reader.read()).done; ) {
    const [last, ...next] = read.value.split("\n");
    parts.push(last);
    for (const part of next) {
      yield parts.join("");
      parts = [part];
    }
  }
}

function pageOf({ preview, ...answer }) {
  return { answer, preview: preview && new Blob([bytesOf(preview)], { type: "image/jpeg" }) };
}

const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
