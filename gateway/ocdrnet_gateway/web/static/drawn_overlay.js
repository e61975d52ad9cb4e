/** The image with the outlines that are shown drawn into it, as a file. */

import { outline } from "./bounding_box.js";
import { make } from "./dom.js";

const COLOUR = "#10cdb3";

/**
 * @param {HTMLImageElement} image the image; where the browser cannot show it, the paper stays white
 * @param {Object} page what is shown
 * @param {string} type `image/jpeg` for a photograph, else PNG
 * @returns {Promise<Blob?>} null where the browser cannot make so large an image
 */
export function drawnOverlay(image, page, type) {
  const canvas = make("canvas", { width: page.width, height: page.height });
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, page.width, page.height);
  if (image.naturalWidth) context.drawImage(image, 0, 0, page.width, page.height);
  Object.assign(context, { strokeStyle: COLOUR, lineJoin: "round", lineWidth: Math.max(1.5, Math.max(page.width, page.height) / 640) });
  page.lines.forEach((part) => trace(context, outline(part)));
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.92));
}

function trace(context, points) {
  context.beginPath();
  points.forEach(([x, y]) => context.lineTo(x, y));
  context.closePath();
  context.stroke();
}
