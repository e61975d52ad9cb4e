/** Puts the page together. */

import { setUpCamera } from "./camera.js";
import { Desk } from "./desk.js";
import { byId } from "./dom.js";
import { setUpIntake } from "./intake.js";
import { setUpKey } from "./key.js";
import { setUpOptions } from "./options.js";
import { megabytes } from "./problem.js";
import { setUpSamples } from "./samples.js";
import { Tray } from "./tray.js";
import { setUpTrayView } from "./tray_view.js";

const config = await (await fetch("/page/config.json")).json();
const options = setUpOptions(config.options, () => tray.current && tray.again(tray.current));
const tray = new Tray({ options, limit: config.image_bytes });
const take = (files) => tray.add(files);

setUpKey(config.keys_required);
setUpTrayView(tray);
new Desk(tray);
setUpIntake(take);
setUpSamples(config.samples, take);
setUpCamera(take);
byId("limits").textContent = `JPEG, PNG, WebP, TIFF, BMP or GIF, up to ${megabytes(config.image_bytes)} MB`;
byId("version").textContent = `ocdrnet ${config.version}`;
document.body.dataset.ready = "true";
