// The interactive elements of Block Kit where they act at once: on messages and on the home tab, in sections and
// actions of a modal. `acting` is told what was done: acting.press(actionId, value), acting.choose(actionId, value),
// each a promise; an element is busy until it is kept.

import { h, holdFocus, icon, menu, popover, toast } from "./dom.js";
import { textOf } from "./mrkdwn.js";
import { channelsOf, nameOf, people } from "./state.js";
import { withEmoji } from "./emoji.js";

const labelOf = (object) => withEmoji(object?.text ?? "");

/** Ask before acting, where the app wants that; true if the person agrees. */
export function agreed(confirm, within) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((resolve) => {
    const done = (answer) => {
      release();
      shade.remove();
      resolve(answer);
    };
    const style = confirm.style === "danger" ? "danger" : "primary";
    const yes = h(`button.button.${style}`, { type: "button", onclick: () => done(true) }, labelOf(confirm.confirm));
    const no = h("button.button", { type: "button", onclick: () => done(false) }, labelOf(confirm.deny));
    const box = h(
      "div.dialog.confirm",
      { role: "alertdialog", "aria-modal": "true", "aria-label": labelOf(confirm.title) },
      h("header", {}, h("h2", {}, labelOf(confirm.title))),
      h("div.dialog-body", {}, textOf(confirm.text)),
      h("footer", {}, no, yes),
    );
    const shade = h("div.shade", {}, box);
    shade.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      done(false);
    });
    (within ?? document.querySelector(".slack")).append(shade);
    const release = holdFocus(box);
    no.focus();
  });
}

/** Do it with the control busy, which keeps the focus and takes nothing more; a failure is said. */
async function busily(control, doing) {
  if (control.hasAttribute("aria-busy")) return;
  control.setAttribute("aria-busy", "true");
  try {
    await doing();
  } catch (error) {
    toast(error.message, "bad");
  } finally {
    control.removeAttribute("aria-busy");
  }
}

function button(element, acting) {
  const label = h("span", {}, labelOf(element.text));
  if (element.url) {
    const props = { href: element.url, target: "_blank", rel: "noreferrer noopener", onclick: () => acting.press(element.action_id, element.value ?? null).catch(() => {}) };
    return h(`a.button${element.style ? `.${element.style}` : ""}`, props, label);
  }
  const node = h(`button.button${element.style ? `.${element.style}` : ""}`, { type: "button", "aria-label": element.accessibility_label ?? null }, label);
  node.dataset.action = element.action_id;
  node.addEventListener("click", async () => {
    if (await agreed(element.confirm)) await busily(node, () => acting.press(element.action_id, element.value ?? null));
  });
  return node;
}

function overflow(element, acting) {
  const props = { type: "button", "aria-label": "More actions", "aria-haspopup": "menu", "aria-expanded": "false" };
  const node = h("button.button.overflow", props, icon("moreh", 16));
  node.dataset.action = element.action_id;
  const chosen = async (option) => {
    if (option.url) open(option.url, "_blank", "noreferrer");
    if (await agreed(element.confirm)) await busily(node, () => acting.choose(element.action_id, option.value));
  };
  node.addEventListener("click", () => {
    const items = element.options.map((option) => ({
      label: labelOf(option.text),
      detail: option.description ? labelOf(option.description) : null,
      run: () => chosen(option),
    }));
    menu(node, items, "More actions");
  });
  return node;
}

/** Options of a static select, with their groups; or people, or channels. */
export function choicesOf(element, person) {
  if (element.type.includes("users")) return [{ options: people().map((each) => ({ value: each.id, label: nameOf(each) })) }];
  if (element.type.includes("conversations") || element.type.includes("channels")) {
    return [{ options: channelsOf(person).map((each) => ({ value: each.id, label: `#${each.name}` })) }];
  }
  const plain = (options) => options.map((option) => ({ value: option.value, label: labelOf(option.text), detail: option.description ? labelOf(option.description) : "" }));
  if (element.option_groups) return element.option_groups.map((group) => ({ label: labelOf(group.label), options: plain(group.options) }));
  return [{ options: plain(element.options ?? []) }];
}

/** What a select holds first. */
export const initialOf = (element) =>
  element.initial_option?.value ?? element.initial_user ?? element.initial_conversation ?? element.initial_channel ?? "";

/** A select of one value as the browser's own control. */
export function selectBox(element, person, props = {}) {
  const groups = choicesOf(element, person).map((group) => {
    const options = group.options.map((option) => h("option", { value: option.value }, option.label));
    return group.label ? h("optgroup", { label: group.label }, options) : options;
  });
  const placeholder = h("option", { value: "" }, labelOf(element.placeholder) || "Choose an option");
  const node = h("select.select", props, placeholder, groups);
  node.value = initialOf(element);
  node.dataset.action = element.action_id;
  return node;
}

function select(element, acting) {
  const node = selectBox(element, acting.person(), { "aria-label": labelOf(element.placeholder) || "Choose an option" });
  const before = node.value;
  node.addEventListener("change", async () => {
    if (!(await agreed(element.confirm))) node.value = before;
    else await busily(node, () => acting.choose(element.action_id, node.value || null));
  });
  return node;
}

/** A list of boxes (checkboxes, radio buttons, several choices); `changed(values)` hears of each change. */
export function boxes(element, person, name, changed = () => {}) {
  const single = element.type === "radio_buttons";
  const first = new Set([
    ...(element.initial_options ?? []).map((option) => option.value),
    ...(element.initial_users ?? []), ...(element.initial_conversations ?? []), ...(element.initial_channels ?? []),
    ...(element.initial_option ? [element.initial_option.value] : []),
  ]);
  const rows = element.options && !element.type.startsWith("multi")
    ? element.options.map((option) => ({ value: option.value, label: textOf(option.text), detail: textOf(option.description) }))
    : choicesOf(element, person).flatMap((group) => group.options.map((option) => ({ ...option, label: [option.label], detail: option.detail ? [option.detail] : [] })));
  const list = h("div.boxes", { role: single ? "radiogroup" : "group" }, rows.map((row) => {
    const box = h("input", { type: single ? "radio" : "checkbox", name, value: row.value, checked: first.has(row.value) });
    return h("label.box", {}, box, h("span", {}, row.label, row.detail.length ? h("small", {}, row.detail) : null));
  }));
  const values = () => [...list.querySelectorAll("input:checked")].map((box) => box.value);
  list.addEventListener("change", () => changed(values()));
  return { node: list, values: () => (single ? (values()[0] ?? null) : values()) };
}

function checks(element, acting) {
  const made = boxes(element, acting.person(), element.action_id, () => acting.choose(element.action_id, made.values()).catch((error) => toast(error.message, "bad")));
  return made.node;
}

function dates(element, acting) {
  const kind = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" }[element.type];
  const node = h("input.text-input.short", { type: kind, value: element.initial_date ?? element.initial_time ?? localTime(element.initial_date_time), "aria-label": labelOf(element.placeholder) || "When" });
  node.addEventListener("change", () => busily(node, () => acting.choose(element.action_id, kind === "datetime-local" ? secondsOf(node.value) : node.value)));
  return node;
}

/** Seconds since 1970 as the value of a datetime-local input, and back. */
export function localTime(seconds) {
  if (!seconds) return "";
  const at = new Date(seconds * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}
export const secondsOf = (value) => (value ? Math.floor(new Date(value).getTime() / 1000) : null);

const KINDS = {
  button,
  overflow,
  checkboxes: checks,
  radio_buttons: checks,
  static_select: select,
  users_select: select,
  conversations_select: select,
  channels_select: select,
  multi_static_select: several,
  multi_users_select: several,
  datepicker: dates,
  timepicker: dates,
  datetimepicker: dates,
};

function several(element, acting) {
  const node = h("button.button", { type: "button", "aria-haspopup": "true" }, labelOf(element.placeholder) || "Choose", icon("down", 14));
  node.addEventListener("click", () => popover(node, h("div.pick", {}, checks(element, acting))));
  return node;
}

/** An interactive element; null for a kind this page does not draw. */
export const interactive = (element, acting) => KINDS[element.type]?.(element, acting) ?? null;
