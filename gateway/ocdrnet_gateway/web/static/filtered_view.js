/** What is shown of a reading: the level, the least confidence, and what follows from them. */

import { atLevel, lineOfWord, surer } from "./levels.js";
import { gapsBefore } from "./join_text.js";

/**
 * @param {Object} page as the server answered it
 * @param {{level: string, least: number}} view
 * @returns {{page: Object, parts: Object[], rows: Object[][], of: number, text: string}} the page as a download holds
 *   it; its parts; the parts row by row; how many there are with the doubtful ones; the text as it is copied
 */
export function filteredView(page, { level, least }) {
  const whole = atLevel(page, level);
  const kept = surer(whole, least);
  const rows = rowsOf(page, whole.lines, level).map((row) => row.filter(({ part }) => part.score >= least));
  const full = rows.filter((row) => row.length);
  return { page: kept, parts: kept.lines, rows: full, of: whole.lines.length, text: textOf(full, level) };
}

function rowsOf(page, parts, level) {
  if (level !== "word") return parts.map((part) => [{ part, gap: "" }]);
  const lines = lineOfWord(page);
  const gaps = page.lines.flatMap(gapsBefore);
  const rows = page.lines.map(() => []);
  parts.forEach((part, index) => rows[lines[index]].push({ part, gap: gaps[index] }));
  return rows;
}

function textOf(rows, level) {
  const texts = rows.map((row) => row.map(({ part, gap }, index) => (index ? gap : "") + part.text).join(""));
  return texts.join(level === "paragraph" ? "\n\n" : "\n");
}
