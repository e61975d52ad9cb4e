/** One answer at three levels: words, lines, paragraphs, each a page as the server's `merge` option would answer it. */

import { joinParagraph } from "./join_text.js";
import { boundingBox } from "./bounding_box.js";

/**
 * @param {Object} page as the server answered it, with lines
 * @param {"word"|"line"|"paragraph"} level
 * @returns {Object} a page whose `lines` are the parts of that level
 */
export function atLevel(page, level) {
  if (level === "word") return { ...page, lines: page.lines.flatMap(wordsOf) };
  if (level === "paragraph") return { ...page, lines: paragraphsOf(page.lines).map(paragraphFrom) };
  return page;
}

/** The page without the parts whose text scores below `least`, 0 to 1. */
export const surer = (page, least) => ({ ...page, lines: page.lines.filter((part) => part.score >= least) });

/** The index of each word's line, in the order of `atLevel(page, "word").lines`. */
export const lineOfWord = (page) => page.lines.flatMap((line, index) => line.words.map(() => index));

function wordsOf(line) {
  const { box_score, paragraph } = line;
  return line.words.map((word) => ({ ...word, box_score, words: [word], paragraph }));
}

function paragraphsOf(lines) {
  const groups = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (last && last[0].paragraph === line.paragraph) last.push(line);
    else groups.push([line]);
  }
  return groups;
}

function paragraphFrom(lines, index) {
  return {
    text: joinParagraph(lines.map((line) => line.text)),
    score: mean(lines.map((line) => line.score)),
    box: boundingBox(lines.map((line) => line.box)),
    box_score: mean(lines.map((line) => line.box_score)),
    words: lines.flatMap((line) => line.words),
    paragraph: index,
  };
}

const mean = (values) => Math.round((1e4 * values.reduce((sum, value) => sum + value, 0)) / values.length) / 1e4;
