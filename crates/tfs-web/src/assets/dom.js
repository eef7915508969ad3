// Elements, and updates in place. Names reach the page as text only: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

function append(node, children) {
  for (const child of children.flat()) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
}

/** Sets an attribute, or removes it for null and false. Functions are listeners. */
export function set(node, name, value) {
  if (typeof value === "function") node.addEventListener(name, value);
  else if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/** Returns a new element. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  append(node, children);
  return node;
}

/** Returns a new element of SVG. */
export function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) set(node, name, value);
  append(node, children);
  return node;
}

/** Replaces the text of an element if it differs, so that selections survive. */
export function text(node, value) {
  const next = String(value ?? "");
  if (node.textContent !== next) node.textContent = next;
  return node;
}

/** Shows or hides an element. */
export function show(node, shown) {
  if (node.hidden === shown) node.hidden = !shown;
}

/** Returns an element with a name in it, isolated from the direction of the text around it. */
export const name = (value, attributes = {}) => h("bdi", attributes, value);

/**
 * Updates the children of an element from a list. Rows are `{ node, update(item) }`, kept by key;
 * the element with the focus keeps it.
 */
export function keyed(parent, items, keyOf, create) {
  const before = parent.keyedRows ?? new Map();
  const after = new Map();
  for (const item of items) {
    let key = keyOf(item);
    while (after.has(key)) key = `${key}+`;
    const row = before.get(key) ?? create(item);
    row.update(item);
    after.set(key, row);
  }
  const focused = document.activeElement;
  for (const [key, row] of before) if (!after.has(key)) row.node.remove();
  let place = parent.firstChild;
  for (const { node } of after.values()) {
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  parent.keyedRows = after;
  if (focused !== document.activeElement && focused?.isConnected) focused.focus();
  return after;
}

/** Returns a bar and a function that sets its share from 0 to 1. */
export function bar(kind = "") {
  const fill = h("span", { class: "fill" });
  const node = h("span", { class: `bar ${kind}`, "aria-hidden": "true" }, fill);
  return { node, set: (part) => fill.style.setProperty("width", `${(part * 100).toFixed(1)}%`) };
}

/** Returns a button. */
export const button = (label, act, attributes = {}) =>
  h("button", { type: "button", click: act, ...attributes }, ...[label].flat());

/** Returns a text for screen readers only. */
export const unseen = (value) => h("span", { class: "unseen" }, value);
