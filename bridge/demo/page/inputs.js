// The inputs of a modal. Each gives { node, value() }: the value in the form that `Person.submit` takes, null if empty.

import { fileTile } from "./blocks.js";
import { h, iconButton, sizeOf } from "./dom.js";
import { editor } from "./editor.js";
import { boxes, localTime, secondsOf, selectBox } from "./elements.js";
import { textOf } from "./mrkdwn.js";
import { upload } from "./state.js";

const LARGEST_FILE = 10 * 1024 * 1024; // bytes: Slack's limit for a file in a file_input

const words = (object) => object?.text ?? "";

function line(type) {
  return (element) => {
    const node = h("input.text-input", { type, value: element.initial_value ?? "", placeholder: words(element.placeholder), maxLength: element.max_length ?? null, autocomplete: "off" });
    return { node, value: () => node.value.trim() || null };
  };
}

function text(element) {
  if (!element.multiline) return line("text")(element);
  const node = h("textarea.text-input", { rows: 5, value: element.initial_value ?? "", placeholder: words(element.placeholder), maxLength: element.max_length ?? null });
  return { node, value: () => node.value || null };
}

function dated(type) {
  return (element) => {
    const first = element.initial_date ?? element.initial_time ?? localTime(element.initial_date_time);
    const node = h("input.text-input.short", { type, value: first });
    return { node, value: () => (type === "datetime-local" ? secondsOf(node.value) : node.value || null) };
  };
}

function select(element, person) {
  const node = selectBox(element, person);
  return { node, value: () => node.value || null };
}

const choices = (element, person, name) => {
  const { node, values } = boxes(element, person, name);
  return { node, value: values };
};

function rich(element, _person, label) {
  const made = editor({ initial: element.initial_value, label, placeholder: words(element.placeholder), minLines: element.min_lines });
  return { node: made.node, value: made.value, focus: made.focus };
}

function files(element, person) {
  const most = element.max_files ?? 10;
  const held = [];
  const list = h("div.file-list");
  const problem = h("p.error", { hidden: true, role: "alert" });
  const picker = h("input", { type: "file", multiple: most > 1, hidden: true, accept: (element.filetypes ?? []).map((type) => `.${type}`).join(",") || null });
  const button = h("button.button", { type: "button", onclick: () => picker.click() }, most > 1 ? "Add files" : "Add a file");
  const zone = h("div.drop-zone", {}, button, h("span", {}, "or drop them here"), picker);
  const say = (sentence) => {
    problem.textContent = sentence;
    problem.hidden = !sentence;
  };
  const add = async (file) => {
    if (held.length >= most) return say(`Up to ${most} files.`);
    if (file.size > LARGEST_FILE) return say(`${file.name} has ${sizeOf(file.size)}; files of up to 10 MB can be added.`);
    const entry = { object: null };
    const row = h("div.file-row.busy", {}, fileTile({ name: file.name, type: file.type, size: file.size }));
    row.append(iconButton("close", `Remove ${file.name}`, () => {
      held.splice(held.indexOf(entry), 1);
      row.remove();
    }));
    held.push(entry);
    list.append(row);
    try {
      entry.object = await upload(person, file);
      row.classList.remove("busy");
    } catch (error) {
      held.splice(held.indexOf(entry), 1);
      row.remove();
      say(error.message);
    }
  };
  const addAll = async (several) => {
    say("");
    for (const file of several) await add(file);
  };
  picker.addEventListener("change", () => addAll([...picker.files]).then(() => (picker.value = "")));
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    addAll([...event.dataTransfer.files]);
  });
  return { node: h("div.file-input", {}, list, zone, problem), value: () => held.map((entry) => entry.object).filter(Boolean), focus: () => button.focus() };
}

const KINDS = {
  plain_text_input: text,
  email_text_input: line("email"),
  url_text_input: line("url"),
  number_input: line("text"),
  rich_text_input: rich,
  file_input: files,
  checkboxes: choices,
  radio_buttons: choices,
  static_select: select,
  external_select: select,
  users_select: select,
  conversations_select: select,
  channels_select: select,
  multi_static_select: choices,
  multi_users_select: choices,
  multi_conversations_select: choices,
  multi_channels_select: choices,
  datepicker: dated("date"),
  timepicker: dated("time"),
  datetimepicker: dated("datetime-local"),
};

/** An input block: { node, value(), complain(sentence), required }. `person` is the id of who fills it in; where the
 * app wants to hear of a choice at once, `acting.choose` tells it. */
export function inputOf(block, person, acting) {
  const element = block.element;
  const label = words(block.label);
  const name = `input-${block.block_id}`;
  const made = KINDS[element.type]?.(element, person, label) ?? line("text")(element);
  const error = h("p.error", { id: `${name}-error`, hidden: true, role: "alert" });
  const hint = block.hint ? h("p.hint-text", { id: `${name}-hint` }, textOf(block.hint)) : null;
  const optional = block.optional ? h("span.optional", {}, " (optional)") : null;
  const direct = made.node.matches("input, textarea, select");
  const title = direct ? h("label.input-label", { htmlFor: name }, label, optional) : h("div.input-label", { id: `${name}-label` }, label, optional);
  if (direct) {
    made.node.id = name;
    made.node.setAttribute("aria-describedby", `${name}-error`);
  } else if (!made.node.matches(".editor")) {
    made.node.setAttribute("role", made.node.getAttribute("role") ?? "group");
    made.node.setAttribute("aria-labelledby", `${name}-label`);
  }
  const node = h("div.input", {}, title, made.node, hint, error);
  node.dataset.block = block.block_id;
  const complain = (sentence) => {
    error.textContent = sentence;
    error.hidden = !sentence;
    node.classList.toggle("wrong", Boolean(sentence));
    if (sentence && direct) made.node.setAttribute("aria-invalid", "true");
  };
  node.addEventListener("input", () => complain(""));
  node.addEventListener("change", () => complain(""));
  if (block.dispatch_action && made.node.matches("select")) {
    made.node.addEventListener("change", () => {
      if (made.node.value) acting.choose(element.action_id, made.node.value).catch((error) => complain(error.message));
    });
  }
  const focus = made.focus ?? (() => (direct ? made.node : made.node.querySelector("input, button"))?.focus());
  return { node, value: made.value, complain, focus, required: !block.optional };
}

export const isEmpty = (value) => value === null || (Array.isArray(value) && !value.length);
