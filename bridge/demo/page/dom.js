// Building the page: elements without innerHTML, icons, lists that keep their nodes, menus, dialogs, toasts, times.

import { now } from "./state.js";

/** An element: `h("button.primary", { type: "button", onclick }, "Send")`. Strings become text, null is left out. */
export function h(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && !name.startsWith("aria") && name !== "list" && name !== "form") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const STROKES = {
  attach: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  bold: "M7 5h6a3.5 3.5 0 0 1 0 7H7zM7 12h7a3.5 3.5 0 0 1 0 7H7z",
  bolt: "M13 3L5 13.5h6L10 21l8.5-11H12.5z",
  bulleted: "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01",
  check: "M5 12.5l4.5 4.5L19 7.5",
  close: "M6 6l12 12M18 6L6 18",
  code: "M9 7l-5 5 5 5M15 7l5 5-5 5",
  codeblock: "M4 5h16v14H4zM10 9.5L7.5 12l2.5 2.5M14 9.5l2.5 2.5-2.5 2.5",
  down: "M6 9l6 6 6-6",
  download: "M12 4v11M7.5 11L12 15.5 16.5 11M5 20h14",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z",
  file: "M6 3h8l4.5 4.5V21H6zM14 3v5h4.5",
  hash: "M9.5 4L7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16",
  home: "M4 11l8-7 8 7v9h-5.5v-6h-5v6H4z",
  italic: "M10 5h8M6 19h8M14.5 5l-5 14",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4.1 4.1 0 0 0-5.8-5.8L11.8 7M14 10a4 4 0 0 0-6-.4l-3 3a4.1 4.1 0 0 0 5.8 5.8L12.2 17",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  mail: "M3.5 6h17v12.5h-17zM3.5 7l8.5 6.5L20.5 7",
  mention: "M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM15.5 8.5V13a2.5 2.5 0 0 0 5 0v-1A8.5 8.5 0 1 0 17 18.9",
  more: "M12 5.5h.01M12 12h.01M12 18.5h.01",
  moreh: "M5.5 12h.01M12 12h.01M18.5 12h.01",
  numbered: "M10 6h10M10 12h10M10 18h10M4 4.5l1.5-.8V8M3.8 11.5c1.8-1.5 3.2.3 1.8 1.5l-1.8 1.8h2.6M4 17h2.3l-1.3 1.6c2 0 1.5 2.7-1.2 1.9",
  quote: "M5 5v14M10 7h10M10 12h10M10 17h6",
  reply: "M10 8L5 12.5 10 17M5.5 12.5H14c3.5 0 5 2 5 5.5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5L20 20",
  send: "M4 12l1-7.5L21 12 5 19.5zM4.5 12H13",
  strike: "M4 12h16M16.5 7.5C16 6 14.5 5 12 5 9.5 5 7.5 6.2 7.5 8.3c0 1 .4 1.7 1.1 2.2M7.5 16c.5 1.8 2.2 3 4.7 3 2.6 0 4.5-1.3 4.5-3.4",
  thread: "M4 5h16v11h-9l-4.5 4v-4H4zM8 9h8M8 12h5",
  up: "M12 20V5M6 11l6-6 6 6",
  write: "M4 20l1-4.5L16.5 4 20 7.5 8.5 19zM14 6.5L17.5 10",
};

/** A stroke icon, hidden from readers: the control around it carries the name. */
export function icon(name, size = 18) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: size, height: size, "aria-hidden": "true" })) svg.setAttribute(key, value);
  svg.classList.add("icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", STROKES[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only an icon. */
export const iconButton = (name, label, onclick, spec = "button.icon-button") =>
  h(spec, { type: "button", "aria-label": label, title: label, onclick }, icon(name));

/** Fill `box` anew, but only when what it shows has changed: a node that is being pressed must not go away. */
export function redraw(box, shown, build) {
  const sign = JSON.stringify(shown);
  if (box.sign === sign) return;
  box.sign = sign;
  box.replaceChildren(...build().filter(Boolean));
}

/** Make `box` hold one child per item, keeping the nodes whose signature stayed. `build(item)` makes a child; where
 * one takes another's place, the focus stays on the control of the same action. */
export function reconcile(box, items, { key, signature, build }) {
  const before = new Map([...box.children].map((node) => [node.dataset.key, node]));
  let focused = null;
  const after = items.map((item) => {
    const name = String(key(item));
    const sign = signature(item);
    const old = before.get(name);
    if (old && old.signature === sign) return old;
    const node = build(item);
    node.dataset.key = name;
    node.signature = sign;
    if (old?.contains(document.activeElement)) focused = { node, action: document.activeElement.dataset.action ?? "" };
    return node;
  });
  const kept = new Set(after);
  for (const node of [...box.children]) if (!kept.has(node)) node.remove();
  after.forEach((node, place) => {
    if (box.children[place] !== node) box.insertBefore(node, box.children[place] ?? null);
  });
  focused?.node.querySelector(`[data-action="${CSS.escape(focused.action)}"]`)?.focus();
}

// --- people and sizes -------------------------------------------------------------------------------------------

const SHADES = ["#1f7a6d", "#b4552d", "#3b5bab", "#8a3d77", "#5d7a1f", "#a23b4b", "#2b7fa8", "#7a5a2b"];

/** A square with a person's initials, in a colour of their own. */
export function avatar(name, size = 36) {
  const words = name.trim().split(/\s+/).filter((word, place) => !place || /^\p{L}/u.test(word));
  const letters = words.length > 1 ? [...words[0]][0] + [...words.at(-1)][0] : [...name.trim()].slice(0, 1).join("");
  const shade = SHADES[[...name].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 9973, 7) % SHADES.length];
  const node = h("span.avatar", { "aria-hidden": "true" }, letters.toUpperCase());
  node.style.setProperty("--size", `${size}px`);
  node.style.backgroundColor = shade;
  return node;
}

export const sizeOf = (bytes) =>
  bytes < 1024 ? `${bytes} B` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;

const CLOCK = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-US", { weekday: "long", month: "long", day: "numeric" });

export const clock = (seconds) => CLOCK.format(new Date(seconds * 1000));

/** "Today", "Yesterday" or the day's name. */
export function dayOf(seconds) {
  const day = new Date(seconds * 1000).toDateString();
  if (day === new Date(now()).toDateString()) return "Today";
  if (day === new Date(now() - 86400000).toDateString()) return "Yesterday";
  return DAY.format(new Date(seconds * 1000));
}

// --- what floats ------------------------------------------------------------------------------------------------

const layer = () => document.querySelector(".layer");

/** Say a sentence for a few seconds. */
export function toast(sentence, kind = "plain") {
  const node = h(`div.toast.${kind}`, {}, sentence);
  document.querySelector(".toasts").append(node);
  setTimeout(() => node.remove(), 6000);
}

/** Show `node` beside `anchor` until Esc, a click elsewhere or the returned function. `above` prefers the upper side. */
export function popover(anchor, node, { above = false } = {}) {
  const box = h("div.popover", {}, node);
  layer().append(box);
  const at = anchor.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const below = at.bottom + 4 + height <= innerHeight - 8;
  const top = (above && at.top - height - 4 > 8) || !below ? Math.max(8, at.top - height - 4) : at.bottom + 4;
  box.style.top = `${top}px`;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  const outside = (event) => {
    if (!box.contains(event.target) && !anchor.contains(event.target)) close();
  };
  const keys = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    event.preventDefault();
    close();
    anchor.focus();
  };
  function close() {
    box.remove();
    removeEventListener("pointerdown", outside, true);
    removeEventListener("keydown", keys, true);
    anchor.setAttribute("aria-expanded", "false");
  }
  addEventListener("pointerdown", outside, true);
  addEventListener("keydown", keys, true);
  anchor.setAttribute("aria-expanded", "true");
  return close;
}

/** A menu at `anchor`: `items` are { label, detail, danger, run } or "-" for a line. Arrow keys walk it. */
export function menu(anchor, items, label, options) {
  let close = () => {};
  const list = h(
    "ul.menu",
    { role: "menu", "aria-label": label },
    items.map((item) => {
      if (item === "-") return h("li.rule", { role: "separator" });
      const run = () => {
        close();
        item.run();
      };
      const detail = item.detail ? h("small", {}, item.detail) : null;
      return h("li", { role: "none" }, h(`button${item.danger ? ".danger" : ""}`, { type: "button", role: "menuitem", onclick: run }, h("span", {}, item.label), detail));
    }),
  );
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...list.querySelectorAll("button")];
    buttons.at((buttons.indexOf(document.activeElement) + step) % buttons.length).focus();
  });
  close = popover(anchor, list, options);
  list.querySelector("button")?.focus();
  return close;
}

/** Keep Tab within `node`, and give the focus back to where it was; returns a function that ends it. */
export function holdFocus(node) {
  const before = document.activeElement;
  const walk = (event) => {
    if (event.key !== "Tab") return;
    const stops = [...node.querySelectorAll("button, input, select, textarea, a[href], [contenteditable=true], [tabindex='0']")].filter((each) => !each.disabled && each.offsetParent);
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (document.activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
  };
  node.addEventListener("keydown", walk);
  return () => {
    node.removeEventListener("keydown", walk);
    if (before?.isConnected) before.focus();
  };
}
