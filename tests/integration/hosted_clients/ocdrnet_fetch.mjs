// Reads one picture by the ocdrnet endpoint, with fetch (Node 18 or newer).
//
//   API_KEY=... node ocdrnet_fetch.mjs photo.jpg answer.zip
//
// AI_HOST and NVCF_HOST say where; on a gateway of one's own both are its address, http://127.0.0.1:9000.
// ASSET_ID reads a picture that was uploaded before; POLL_SECONDS says how long a request is held before it is polled.

import { readFile, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const { env, argv } = process;
const ai = env.AI_HOST ?? "https://ai.api.nvidia.com";
const nvcf = env.NVCF_HOST ?? "https://api.nvcf.nvidia.com";
const key = { Authorization: `Bearer ${env.API_KEY}` };
const description = "Input Image";

async function checked(response) {
  if (response.status >= 400) {
    console.error(`HTTP ${response.status}: ${(await response.json()).detail}`);
    process.exit(1);
  }
  return response;
}

async function upload(path) {
  const created = await fetch(`${nvcf}/v2/nvcf/assets`, {
    method: "POST",
    headers: { ...key, "Content-Type": "application/json", accept: "application/json" },
    body: JSON.stringify({ contentType: "image/jpeg", description }),
  });
  const { assetId, uploadUrl } = await (await checked(created)).json();
  const headers = { "content-type": "image/jpeg", "x-amz-meta-nvcf-asset-description": description };
  await checked(await fetch(uploadUrl, { method: "PUT", headers, body: await readFile(path) }));
  return assetId;
}

async function read(asset) {
  const references = { "NVCF-INPUT-ASSET-REFERENCES": asset, "NVCF-FUNCTION-ASSET-IDS": asset };
  const poll = env.POLL_SECONDS ? { "NVCF-POLL-SECONDS": env.POLL_SECONDS } : {};
  let response = await checked(
    await fetch(`${ai}/v1/cv/nvidia/ocdrnet`, {
      method: "POST",
      headers: { ...key, "Content-Type": "application/json", ...references, ...poll },
      body: JSON.stringify({ image: asset, render_label: false }),
    }),
  );
  while (response.status === 202) {
    console.error(response.headers.get("NVCF-STATUS"));
    await sleep(1000);
    const id = response.headers.get("NVCF-REQID");
    response = await checked(await fetch(`${nvcf}/v2/nvcf/pexec/status/${id}`, { headers: key }));
  }
  return Buffer.from(await response.arrayBuffer());
}

await writeFile(argv[3], await read(env.ASSET_ID || (await upload(argv[2]))));
console.log(argv[3]);
