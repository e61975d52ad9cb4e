/** An image from the camera: on a phone its own camera app, elsewhere a live view. */

import { byId, make, say } from "./dom.js";

/**
 * @param {function(File[])} take
 */
export function setUpCamera(take) {
  const isPhone = matchMedia("(pointer: coarse)").matches;
  const canLive = Boolean(navigator.mediaDevices?.getUserMedia);
  const input = byId("camera-file");
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  for (const button of document.querySelectorAll("[data-camera]")) {
    button.hidden = !isPhone && !canLive;
    button.addEventListener("click", () => (isPhone ? input.click() : shoot(take)));
  }
  byId("camera-cancel").addEventListener("click", () => byId("camera").close(""));
  byId("camera-shoot").addEventListener("click", () => byId("camera").close("shoot"));
}

async function shoot(take) {
  const stream = await opened();
  if (!stream) return;
  const [dialog, video] = [byId("camera"), byId("camera-video")];
  video.srcObject = stream;
  dialog.returnValue = "";
  dialog.addEventListener("close", async () => {
    const image = dialog.returnValue === "shoot" && (await frameOf(video));
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
    if (image) take([image]);
  }, { once: true });
  dialog.showModal();
  await video.play();
}

async function opened() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch {
    say("The camera cannot be used: there is none, or it was not allowed.");
    byId("limits").textContent = "The camera cannot be used: there is none, or it was not allowed.";
    return null;
  }
}

async function frameOf(video) {
  const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return blob && new File([blob], "camera.jpg", { type: "image/jpeg" });
}
