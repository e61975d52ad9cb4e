/** The pictures handed over and what became of each; reads them one after the other. */

import { Problem } from "./problem.js";
import { read } from "./request.js";

/** @typedef {{id: number, name: string, file: Blob, url: string, state: string, sent: number, since: number}} Picture */

export class Tray extends EventTarget {
  /**
   * @param {{options: function(): Object<string, string>, limit: number}} settings `limit`: bytes of a picture
   */
  constructor({ options, limit }) {
    super();
    Object.assign(this, { options, limit, pictures: [], current: null, isBusy: false });
  }

  /** Take pictures in, show the first of them, read them. */
  add(files) {
    const added = [...files].map((file, index) => this.#picture(file, this.pictures.length + index));
    if (!added.length) return;
    this.pictures.push(...added);
    this.show(added[0]);
    this.#work();
  }

  show(picture) {
    this.current = picture;
    this.#tell("picked");
  }

  /** Read a picture again, for instance with other options or another key. */
  again(picture) {
    if (picture.state === "reading") return;
    Object.assign(picture, { state: "waiting", page: null, problem: null });
    this.#tell("changed", picture);
    this.#work();
  }

  cancel(picture) {
    picture.stop?.abort();
    if (picture.state === "waiting") this.#set(picture, { state: "failed", problem: Problem.cancelled() });
  }

  async #work() {
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next; (next = this.pictures.find((picture) => picture.state === "waiting")); ) await this.#read(next);
    this.isBusy = false;
  }

  async #read(picture) {
    const stop = new AbortController();
    this.#set(picture, { state: "reading", sent: 0, since: performance.now(), stop });
    try {
      if (picture.file.size > this.limit) throw Problem.tooLarge(picture.file, this.limit);
      const hooks = { signal: stop.signal, onSent: (sent) => this.#set(picture, { sent }) };
      const { page, timing } = await read(picture.file, this.options(), hooks);
      this.#set(picture, { state: "done", page: { ...page, image: picture.name }, timing });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#set(picture, { state: "failed", problem: error });
    }
  }

  #picture(file, id) {
    const name = file.name || `pasted-${id + 1}.${file.type.split("/")[1] || "png"}`;
    return { id, name, file, url: URL.createObjectURL(file), state: "waiting", sent: 0, since: 0 };
  }

  #set(picture, values) {
    Object.assign(picture, values);
    this.#tell("changed", picture);
  }

  #tell(type, picture = this.current) {
    this.dispatchEvent(new CustomEvent(type, { detail: picture }));
  }
}
