/** The options of a request, as the server describes them. */

import { byId, make } from "./dom.js";

const FIRST = ["upside_down", "geometry", "tiling", "charset", "min_text_score"];
const UNUSED = ["merge", "characters"]; // the page merges by itself, and shows no single characters
const TITLES = {
  upside_down: "Upside-down text",
  geometry: "Shape of a line",
  tiling: "Tiles for large images",
  charset: "Characters",
  min_text_score: "Least confidence",
};

/**
 * @param {Object[]} options name, kind (`choice`, `int`, `float`, `text`), help, and the range or the choices
 * @param {function()} onChange called when the dialog is closed with other values than before
 * @returns {function(): Object<string, string>} what is set now; options at their default are left out
 */
export function setUpOptions(options, onChange) {
  const [dialog, form] = [byId("options"), byId("options-form")];
  const known = new Map(options.map((option) => [option.name, option]));
  const rest = options.filter(({ name }) => ![...FIRST, ...UNUSED].includes(name));
  const more = make("details", { class: "more" }, make("summary", {}, "More, for the detector"), ...rest.map(field));
  byId("options-fields").append(...FIRST.filter((name) => known.has(name)).map((name) => field(known.get(name))), more);
  let before = "";
  byId("open-options").addEventListener("click", () => {
    before = JSON.stringify(valuesOf(form));
    dialog.showModal();
  });
  byId("options-reset").addEventListener("click", () => form.reset());
  form.addEventListener("invalid", () => (more.open = more.open || Boolean(more.querySelector(":invalid"))), true);
  dialog.addEventListener("close", () => JSON.stringify(valuesOf(form)) !== before && onChange());
  return () => valuesOf(form);
}

function valuesOf(form) {
  const set = [...new FormData(form)].filter(([name, value]) => value !== "" && value !== defaultOf(form.elements[name]));
  return Object.fromEntries(set);
}

const defaultOf = (control) => control.dataset.default;

function field(option) {
  const id = `option-${option.name}`;
  const control = make("div", { class: "control" }, CONTROLS[option.kind](option, { id, name: option.name, "aria-describedby": `${id}-help` }));
  const label = make("label", { for: id }, TITLES[option.name] ?? sentence(option.name));
  return make("div", { class: "option" }, label, control, make("p", { class: "help", id: `${id}-help` }, ...withCode(option.help)));
}

const CONTROLS = {
  choice: ({ choices }, attributes) =>
    make("select", { ...attributes, "data-default": choices[0] }, ...choices.map((choice) => make("option", { value: choice }, choice))),
  text: ({ longest }, attributes) =>
    make("input", { ...attributes, type: "text", maxlength: longest, placeholder: "all", autocomplete: "off", spellcheck: "false" }),
  int: (option, attributes) => number(option, attributes, "1"),
  float: (option, attributes) => number(option, attributes, "any"),
};

const number = ({ low, high }, attributes, step) =>
  make("input", { ...attributes, type: "number", min: low, max: high, step, placeholder: `${low} to ${high}`, inputmode: "decimal" });

const sentence = (name) => name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");

/** Text with `code` in it. */
const withCode = (text) => text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : part));
