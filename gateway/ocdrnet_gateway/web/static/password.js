/** The password of an encrypted document: asked for where the document would stand, kept with the document alone. */

import { make } from "./dom.js";

/**
 * A form that asks for it.
 * @param {function(string)} onGiven
 */
export function passwordForm(onGiven) {
  const field = make("input", { type: "password", id: "document-password", autocomplete: "off", required: true });
  const label = make("label", { class: "field", for: "document-password" }, "Password");
  const form = make("form", { class: "password" }, label, field, make("button", { type: "submit", class: "main" }, "Open"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    onGiven(field.value);
  });
  return form;
}
