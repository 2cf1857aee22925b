// The modal on top of a person's stack, over the workspace. An update keeps what was entered where a block stayed.

import { blockOf } from "./blocks.js";
import { h, holdFocus, iconButton, toast } from "./dom.js";
import { inputOf, isEmpty } from "./inputs.js";
import { act, piece } from "./state.js";
import { withEmoji } from "./emoji.js";

const label = (object, otherwise) => (object ? withEmoji(object.text) : otherwise);

/** The modals of one place: `show(person)` draws the person's view on top, or takes the modal away. */
export function modals(place) {
  const shells = new Map(); // view id -> shell, so that a view under another keeps what was entered
  let shown = null;
  document.addEventListener("keydown", (event) => {
    if (shown && event.key === "Escape" && event.target === document.body) shown.close();
  });

  return {
    show(person) {
      const view = piece(`view:${person}`);
      const name = view && `${person} ${view.id}`;
      if (shown && shown.name !== name) {
        shown.leave();
        shown = null;
      }
      if (!view) {
        for (const key of [...shells.keys()]) if (key.startsWith(`${person} `)) shells.delete(key);
        return;
      }
      if (!shells.has(name)) shells.set(name, shell(name, person));
      const next = shells.get(name);
      next.draw(view);
      if (shown !== next) next.enter(place);
      shown = next;
    },
  };
}

/** One modal: its frame, and its blocks by id. */
function shell(name, person) {
  const parts = new Map();
  const title = h("h2", { id: "modal-title" });
  const body = h("div.dialog-body");
  const cancel = h("button.button", { type: "button", onclick: close });
  const submit = h("button.button.primary", { type: "submit" });
  const footer = h("footer", {}, cancel, submit);
  const box = h("form.dialog.modal", { role: "dialog", "aria-modal": "true", "aria-labelledby": "modal-title", noValidate: true }, h("header", {}, title, iconButton("close", "Close", close)), body, footer);
  const shade = h("div.shade", {}, box);
  let release = () => {};
  let view = null;

  const acting = {
    person: () => person,
    press: (actionId, value) => act(person, "click_view", { action_id: actionId, value, values: typed() }),
    choose: (actionId, value) => act(person, "click_view", { action_id: actionId, value, values: typed() }),
  };

  /** What the inputs hold, by block_id. */
  function typed() {
    return Object.fromEntries([...parts].filter(([, part]) => part.value).map(([blockId, part]) => [blockId, part.value()]));
  }

  function close() {
    act(person, "close_view", { values: typed() }).catch((error) => toast(error.message, "bad"));
  }

  function draw(next) {
    if (view?.hash === next.hash) return;
    view = next;
    title.textContent = label(next.title, "");
    cancel.textContent = label(next.close, "Cancel");
    submit.hidden = !next.submit;
    submit.textContent = label(next.submit, "Submit");
    submit.disabled = Boolean(next.submit_disabled);
    const seen = new Set();
    const nodes = next.blocks.map((block) => {
      const sign = JSON.stringify(block, (key, value) => (key.startsWith("initial_") ? undefined : value));
      seen.add(block.block_id);
      if (parts.get(block.block_id)?.sign !== sign || refilled(block, next)) {
        const made = block.type === "input" ? inputOf(block, person, acting) : { node: blockOf(block, acting) };
        parts.set(block.block_id, { sign, ...made });
      }
      return parts.get(block.block_id).node;
    });
    for (const key of [...parts.keys()]) if (!seen.has(key)) parts.delete(key);
    if (nodes.length !== body.childNodes.length || nodes.some((node, at) => node !== body.childNodes[at])) {
      const focused = document.activeElement;
      body.replaceChildren(...nodes.filter(Boolean));
      if (body.contains(focused)) focused.focus();
      else if (box.isConnected) focusFirst();
    }
  }

  /** Whether an input was away for a moment and came back filled anew, which the page may have missed. */
  function refilled(block, next) {
    const text = block.type === "input" && block.element.initial_value;
    const held = next.state?.values?.[block.block_id]?.[block.element?.action_id]?.rich_text_value;
    const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
    return Boolean(text && held && same(text, held) && !same(text, parts.get(block.block_id).value()));
  }

  /** The first input that has nothing yet, else the first, else the box. */
  function focusFirst() {
    const inputs = [...parts.values()].filter((part) => part.value);
    const first = inputs.find((part) => part.required && isEmpty(part.value())) ?? inputs[0];
    if (first) first.focus();
    else (box.querySelector(".dialog-body button, footer button:not([hidden])") ?? box).focus();
  }

  async function send(event) {
    event.preventDefault();
    const inputs = [...parts].filter(([, part]) => part.value);
    let wrong = null;
    for (const [, part] of inputs) {
      const missing = part.required && isEmpty(part.value());
      part.complain(missing ? "Please complete this required field." : "");
      if (missing) wrong ??= part;
    }
    if (wrong) return wrong.focus();
    box.classList.add("busy");
    submit.disabled = true;
    try {
      const told = await act(person, "submit", { values: typed() });
      const errors = told?.response_action === "errors" ? Object.entries(told.errors) : [];
      for (const [blockId, sentence] of errors) parts.get(blockId)?.complain(sentence);
      if (errors.length) parts.get(errors[0][0])?.focus();
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      box.classList.remove("busy");
      submit.disabled = Boolean(view.submit_disabled);
    }
    return undefined;
  }

  box.addEventListener("submit", send);
  shade.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && view.submit) {
      event.preventDefault();
      box.requestSubmit();
    } else if (event.key === "Enter" && event.target.matches("input:not([type=checkbox]):not([type=radio])") && event.target.closest(".modal") === box) {
      event.preventDefault();
    }
  });

  return {
    name,
    close,
    draw,
    enter(place) {
      place.append(shade);
      release = holdFocus(box);
      focusFirst();
    },
    leave() {
      shade.remove();
      release();
    },
  };
}
