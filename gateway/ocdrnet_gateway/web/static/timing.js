/** Where the time of a request went. */

import { byId, make, makeSvg } from "./dom.js";
import { counted, duration } from "./numbers.js";

const STEPS = {
  image_preprocess: "Decode, scale",
  ocdnet: "Find text",
  dbnet_postprocess: "Make boxes",
  text_crop: "Cut out lines",
  ocrnet: "Recognize",
  text_turn: "Doubtful lines",
  text_decode: "Text and order",
};

/** Write the times of one reading; nothing where there are none. */
export function showTiming(timing) {
  const place = byId("timing");
  const isOpen = place.querySelector("details")?.open ?? matchMedia("(min-width: 60rem)").matches;
  if (timing) place.replaceChildren(account(timing, isOpen));
  place.hidden = !timing;
}

function account({ browser, server }, isOpen) {
  const whole = browser.total_ms;
  const cells = stages(browser, server).map((stage) => cell(stage, whole));
  const summary = make("summary", {}, "Read in ", make("strong", {}, duration(whole)), ", where the time went");
  const words = make("p", { class: "note" }, note(server.steps));
  return make("details", { class: "timing", open: isOpen }, summary, make("dl", {}, ...cells), words);
}

/** Every stage in its order; those measured on different clocks need not add up to the whole. */
function stages(browser, server) {
  return [
    { name: "Send", ms: browser.upload_ms },
    { name: "Wait for a turn", ms: server.wait_ms },
    ...triton(server),
    { name: "Fetch the answer", ms: browser.answer_ms },
  ];
}

function triton({ read_ms, steps }) {
  if (!steps) return [{ name: "Read", ms: read_ms }];
  const within = steps.models.map(({ model, ms, queue_ms }) => ({ name: STEPS[model] ?? model, model, ms, queued: queue_ms }));
  const between = read_ms - steps.models.reduce((sum, { ms }) => sum + ms, 0);
  // The mean of several requests says nothing about what was left of this one.
  return steps.requests === 1 ? [...within, { name: "Between steps", ms: Math.max(0, between) }] : within;
}

function cell({ name, ms, queued = 0, model = "" }, whole) {
  return make("div", { title: model }, make("dt", {}, name), make("dd", {}, duration(ms)), bar(ms, queued, whole));
}

function bar(ms, queued, whole) {
  const length = (part) => Math.min(100, (100 * part) / whole);
  const work = makeSvg("rect", { x: length(queued), width: length(Math.max(0, ms - queued)), height: 4 });
  const wait = makeSvg("rect", { class: "queued", width: length(queued), height: 4 });
  return makeSvg("svg", { viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" }, wait, work);
}

function note(steps) {
  if (!steps) return "Triton did not tell the time of its steps.";
  const grey = "Grey: waiting in a step’s queue.";
  if (steps.requests === 1) return `Steps: how far Triton’s counters moved during this request. ${grey}`;
  return `Steps: mean of the ${counted(steps.requests, "request")} Triton worked on meanwhile, this one among them. ${grey}`;
}
