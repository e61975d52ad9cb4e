/** Which part of the text is pointed at, on the image or in the list: both sides listen. */

export class Link extends EventTarget {
  #active = -1;

  /** Index of the part pointed at; -1: none. */
  get active() {
    return this.#active;
  }

  /**
   * @param {number} index
   * @param {"image"|"list"} from the side that was pointed at; the other one scrolls
   */
  point(index, from) {
    if (index === this.#active) return;
    this.#active = index;
    this.dispatchEvent(new CustomEvent("pointed", { detail: { index, from } }));
  }

  /** A part on the image was clicked: the list takes the focus there. */
  pick(index) {
    this.dispatchEvent(new CustomEvent("picked", { detail: { index } }));
  }
}
