/** One `POST /v1/read`. An XMLHttpRequest, because `fetch` does not tell how much of an image has been sent. */

import { keyHeaders } from "./key.js";
import { Problem } from "./problem.js";

/**
 * @param {Blob} image
 * @param {Object<string, string>} options of the request
 * @param {{onSent: function(number), signal: AbortSignal}} hooks `onSent` hears the share sent, 0 to 1
 * @returns {Promise<{page: Object, timing: Object}>} rejects with a Problem
 */
export function read(image, options, { onSent, signal }) {
  const request = new XMLHttpRequest();
  const watch = stopwatch(request, onSent);
  const query = new URLSearchParams({ ...options, timing: "steps" });
  request.open("POST", `/v1/read?${query}`);
  request.setRequestHeader("Content-Type", image.type || "application/octet-stream");
  for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
  signal.addEventListener("abort", () => request.abort());
  return new Promise((resolve, reject) => {
    request.onload = () => (request.status === 200 ? resolve(answer(request, watch)) : reject(problemOf(request)));
    request.onerror = () => reject(Problem.away());
    request.onabort = () => reject(Problem.cancelled());
    watch.start = performance.now();
    request.send(image);
  });
}

const problemOf = (request) =>
  Problem.of(request.status, request.responseText, (name) => request.getResponseHeader(name));

function stopwatch(request, onSent) {
  const watch = { start: 0, first: 0 };
  request.upload.onprogress = (event) => onSent(event.loaded / (event.total || 1));
  request.upload.onload = () => onSent(1);
  request.onreadystatechange = () => {
    if (request.readyState === XMLHttpRequest.HEADERS_RECEIVED) watch.first = performance.now();
  };
  return watch;
}

function answer(request, watch) {
  const now = performance.now();
  const { timing, ...page } = JSON.parse(request.responseText);
  // Not by the events of the upload: browsers tell them up to a tenth of a second late. What is left of the time to the
  // first byte, once the server has had its share, is the way there, by no clock but each side's own.
  const upload_ms = Math.max(0, watch.first - watch.start - (timing.total_ms - timing.receive_ms));
  const browser = { upload_ms, answer_ms: now - watch.first, total_ms: now - watch.start };
  return { page, timing: { server: timing, browser } };
}
