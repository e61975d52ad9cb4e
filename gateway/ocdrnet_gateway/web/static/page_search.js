/** Finds words on the pages of a document, whatever their case and accents, also across the end of a line. */

import { boundingBox } from "./bounding_box.js";
import { gapBetween, gapsBefore } from "./join_text.js";

const ACCENTS = /[\u0300-\u036F]/g;

/** @typedef {{page: Object, words: Object[], boxes: number[][][]}} Hit `boxes`: one for each line that it touches */

/**
 * Every place where the text stands.
 * @param {{page: ?Object}[]} pages of a document, in their order; those that failed have no text
 * @param {string} sought
 * @returns {Hit[]} in reading order; none where nothing is sought
 */
export function hitsOf(pages, sought) {
  const folded = fold(sought.trim().replace(/\s+/g, " "));
  return folded ? pages.filter(({ page }) => page).flatMap((page) => hitsOn(page, folded)) : [];
}

function hitsOn(page, sought) {
  const { text, places } = searchable(page.page);
  const hits = [];
  for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + sought.length)) {
    const touched = places.filter(({ start, end }) => start < at + sought.length && end > at);
    hits.push({ page, words: touched.map(({ word }) => word), boxes: boxesOf(touched) });
  }
  return hits;
}

const known = new WeakMap();

/** The text of a page without case and accents, and where each word stands in it. */
function searchable(page) {
  if (!known.has(page)) known.set(page, folded(page));
  return known.get(page);
}

function folded(page) {
  let text = "";
  const places = [];
  page.lines.forEach((line, row) => {
    const gaps = gapsBefore(line);
    line.words.forEach((word, index) => {
      const part = fold(word.text);
      if (text && part) text += index ? gaps[index] : gapBetween(text, part);
      places.push({ word, row, start: text.length, end: text.length + part.length });
      text += part;
    });
  });
  return { text, places };
}

function boxesOf(touched) {
  const boxes = new Map();
  for (const { word, row } of touched) boxes.set(row, [...(boxes.get(row) ?? []), word.box]);
  return [...boxes.values()].map(boundingBox);
}

const fold = (text) => text.normalize("NFKD").replace(ACCENTS, "").toLowerCase();
