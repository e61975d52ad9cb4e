/** Puts the page together. */

import { setUpCamera } from "./camera.js";
import { setUpDocumentDownloads } from "./document_downloads.js";
import { ResultView } from "./result_view.js";
import { byId } from "./dom.js";
import { setUpIntake } from "./intake.js";
import { setUpKey } from "./key.js";
import { setUpOptions } from "./options.js";
import { PagesView } from "./pages_view.js";
import { megabytes } from "./problem.js";
import { setUpSamples } from "./samples.js";
import { Queue } from "./queue.js";
import { setUpQueueView } from "./queue_view.js";

const config = await (await fetch("/page/config.json")).json();
const options = setUpOptions(config.options, () => queue.current && queue.again(queue.current));
const queue = new Queue({ options, limit: config.image_bytes });
const take = (files) => queue.add(files);

setUpKey(config.keys_required);
setUpQueueView(queue);
new PagesView(queue);
new ResultView(queue);
setUpDocumentDownloads(queue);
setUpIntake(take);
setUpSamples(config.samples, take);
setUpCamera(take);
byId("limits").textContent = `PDF, JPEG, PNG, WebP, TIFF, BMP or GIF, up to ${megabytes(config.image_bytes)} MB`;
byId("version").textContent = `ocdrnet ${config.version}`;
document.body.dataset.ready = "true";
