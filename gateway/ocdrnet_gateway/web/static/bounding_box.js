/** The box of several boxes. */

/**
 * The smallest rectangle around all boxes that lies as the first does.
 * @param {number[][][]} boxes each four [x, y], clockwise from the text's top-left
 * @returns {number[][]} four [x, y], rounded to a tenth of a pixel
 */
export function boundingBox(boxes) {
  if (boxes.length === 1) return boxes[0];
  const [[x0, y0], [x1, y1]] = boxes[0];
  const length = Math.max(Math.hypot(x1 - x0, y1 - y0), 1e-6);
  const [c, s] = [(x1 - x0) / length, (y1 - y0) / length];
  const points = boxes.flat();
  const along = points.map(([x, y]) => x * c + y * s);
  const across = points.map(([x, y]) => y * c - x * s);
  const [left, right] = [Math.min(...along), Math.max(...along)];
  const [top, bottom] = [Math.min(...across), Math.max(...across)];
  const corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
  return corners.map(([u, v]) => [tenth(u * c - v * s), tenth(u * s + v * c)]);
}

/** The points of a part's outline: its polygon where there is one, else its box. */
export const outline = (part) => part.polygon ?? part.box;

const tenth = (value) => Math.round(10 * value) / 10;
