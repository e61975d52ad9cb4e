/** Numbers as the page writes them. */

/** A share of 1 in percent. */
export const percent = (share) => `${Math.floor(100 * share)} %`;

/** A time. */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** A count with its noun. */
export const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
