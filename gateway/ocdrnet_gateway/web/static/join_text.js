/** Texts of parts joined into one, as the server joins them. */

// Scripts without spaces between words; the same ranges as in the server's ocdrnet_ops/scripts.py.
const UNSPACED = /[\u2E80-\u2FDF\u3000-\u312F\u31A0-\u31FF\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFAFF\uFE30-\uFE4F\uFF01-\uFF9F\u{20000}-\u{3FFFF}]/u;

/** The lines of a paragraph as one text: a space between them, nothing between two Chinese or Japanese characters. */
export function joinParagraph(texts) {
  return texts.filter(Boolean).reduce((joined, text) => joined && joined + gapBetween(joined, text) + text || text, "");
}

/** What stands between two words of a line: a space where the line's text has one. */
export function gapsBefore(line) {
  let end = 0;
  return line.words.map((word) => {
    const start = line.text.indexOf(word.text, end);
    const spaced = start < 0 || /\s/.test(line.text.slice(end, start));
    end = start < 0 ? end : start + word.text.length;
    return spaced ? " " : "";
  });
}

/** What stands between two texts that follow each other. */
export function gapBetween(before, after) {
  return UNSPACED.test([...before].at(-1)) && UNSPACED.test([...after][0]) ? "" : " ";
}
