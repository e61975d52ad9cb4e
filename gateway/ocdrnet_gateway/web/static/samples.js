/** Buttons that read a sample image. */

import { byId, make, say } from "./dom.js";

/**
 * @param {{title: string, picture: string, button: string}[]} samples their paths on this server
 * @param {function(File[])} take
 */
export function setUpSamples(samples, take) {
  byId("samples").append(...samples.map((sample) => make("li", {}, buttonFor(sample, take))));
}

function buttonFor(sample, take) {
  const image = make("img", { src: sample.button, alt: "", width: 160, height: 120, loading: "lazy" });
  const button = make("button", { type: "button" }, image, sample.title);
  button.addEventListener("click", async () => {
    const answer = await fetch(sample.picture).catch(() => null);
    if (answer?.ok) take([await fileOf(sample, answer)]);
    else say("The sample could not be fetched.");
  });
  return button;
}

async function fileOf(sample, answer) {
  const blob = await answer.blob();
  return new File([blob], sample.picture.split("/").at(-1), { type: blob.type });
}
