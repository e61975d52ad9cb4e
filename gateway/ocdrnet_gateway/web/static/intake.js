/** Ways for images and documents to come in: chosen, dropped anywhere, pasted anywhere. */

import { byId, say } from "./dom.js";

/**
 * @param {function(File[])} take hears of the files
 */
export function setUpIntake(take) {
  const takeReadable = (files) => {
    const readable = [...files].filter(mayBeRead);
    if (readable.length) take(readable);
    else if (files.length) say("That is neither an image nor a PDF.");
  };
  chosen(takeReadable);
  dropped(takeReadable);
  pasted(takeReadable);
}

function chosen(take) {
  const input = byId("files");
  for (const button of document.querySelectorAll("[data-choose]")) button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = ""; // the same file may be chosen again
  });
}

function dropped(take) {
  const curtain = byId("curtain");
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    curtain.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) curtain.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    curtain.hidden = true;
    if (!hasFiles(event)) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
}

function pasted(take) {
  document.addEventListener("paste", (event) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    take([...event.clipboardData.files]);
  });
}

// A file manager may not know the type of a TIFF or of a file without a suffix: the server decides then.
const mayBeRead = ({ type }) => !type || type.startsWith("image/") || type === "application/pdf";
