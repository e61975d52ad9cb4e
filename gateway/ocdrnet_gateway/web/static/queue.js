/** The images handed over and what became of each; reads them one after the other. */

import { Problem } from "./problem.js";
import { read } from "./request.js";

/** @typedef {{id: number, name: string, file: Blob, url: string, state: string, sent: number, since: number}} QueuedImage */

export class Queue extends EventTarget {
  /**
   * @param {{options: function(): Object<string, string>, limit: number}} settings `limit`: bytes of an image
   */
  constructor({ options, limit }) {
    super();
    Object.assign(this, { options, limit, images: [], current: null, isBusy: false });
  }

  /** Take images in, show the first of them, read them. */
  add(files) {
    const added = [...files].map((file, index) => this.#entry(file, this.images.length + index));
    if (!added.length) return;
    this.images.push(...added);
    this.show(added[0]);
    this.#work();
  }

  show(image) {
    this.current = image;
    this.#tell("picked");
  }

  /** Read an image again, for instance with other options or another key. */
  again(image) {
    if (image.state === "reading") return;
    Object.assign(image, { state: "waiting", page: null, problem: null });
    this.#tell("changed", image);
    this.#work();
  }

  cancel(image) {
    image.stop?.abort();
    if (image.state === "waiting") this.#set(image, { state: "failed", problem: Problem.cancelled() });
  }

  async #work() {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next; (next = this.images.find((image) => image.state === "waiting")); ) await this.#read(next);
    this.isBusy = false;
  }

  async #read(image) {
    const stop = new AbortController();
    this.#set(image, { state: "reading", sent: 0, since: performance.now(), stop });
    try {
      if (image.file.size > this.limit) throw Problem.tooLarge(image.file, this.limit);
      const hooks = { signal: stop.signal, onSent: (sent) => this.#set(image, { sent }) };
      const { page, timing } = await read(image.file, this.options(), hooks);
      this.#set(image, { state: "done", page: { ...page, image: image.name }, timing });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#set(image, { state: "failed", problem: error });
    }
  }

  #entry(file, id) {
    const name = file.name || `pasted-${id + 1}.${file.type.split("/")[1] || "png"}`;
    return { id, name, file, url: URL.createObjectURL(file), state: "waiting", sent: 0, since: 0 };
  }

  #set(image, values) {
    Object.assign(image, values);
    this.#tell("changed", image);
  }

  #tell(type, image = this.current) {
    this.dispatchEvent(new CustomEvent(type, { detail: image }));
  }
}
