// A rich text editor that reads and writes Slack's rich_text block: paragraphs, bold, italic, strike, code, links,
// lists, quotations and code blocks, made on contenteditable. What is pasted comes in as plain text.

import { h, icon, popover } from "./dom.js";
import { emoji } from "./emoji.js";
import { nameOf, user } from "./state.js";
import { formOf, rich } from "./convert.js";

const TOOLS = [
  ["bold", "Bold", "B"], ["italic", "Italic", "I"], ["strike", "Strikethrough", "Shift+X"], "|",
  ["link", "Link", "K"], "|",
  ["numbered", "Numbered list", "Shift+7"], ["bulleted", "Bulleted list", "Shift+8"], "|",
  ["quote", "Quote", "Shift+9"], ["code", "Code", "Shift+C"], ["codeblock", "Code block", "Alt+Shift+C"],
];
const COMMANDS = { bold: "bold", italic: "italic", strike: "strikeThrough", numbered: "insertOrderedList", bulleted: "insertUnorderedList" };

/** An editor; gives { node, value(), focus() }, `value` a rich_text block or null when empty. */
export function editor({ initial = null, label, placeholder = "", minLines = 6, changed = () => {} }) {
  const area = h("div.editor-area", { contentEditable: "true", role: "textbox", "aria-multiline": "true", "aria-label": label, dir: "auto", spellcheck: true });
  area.dataset.placeholder = placeholder;
  area.style.minHeight = `${Math.max(minLines, 4) * 1.5}em`;
  area.append(...(initial ? formOf(initial, { emoji, nameOf: (id) => nameOf(user(id)) }) : [paragraph()]));
  const tools = h("div.editor-tools", { role: "toolbar", "aria-label": "Formatting" }, TOOLS.map((tool) => (tool === "|" ? h("span.rule") : toolButton(...tool))));
  const node = h("div.editor", {}, tools, area);

  function toolButton(name, title, keys) {
    const button = h("button.tool", { type: "button", title: `${title} (Ctrl+${keys})`, "aria-label": title, "aria-pressed": "false", tabIndex: -1 }, icon(name, 17));
    button.dataset.tool = name;
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => use(name, button));
    return button;
  }

  function use(name, anchor = area) {
    area.focus();
    document.execCommand("styleWithCSS", false, false);
    if (COMMANDS[name]) document.execCommand(COMMANDS[name]);
    else if (name === "quote") toggleBlock("blockquote");
    else if (name === "codeblock") toggleBlock("pre");
    else if (name === "code") toggleCode();
    else if (name === "link") askLink(anchor);
    told();
  }

  function told() {
    area.classList.toggle("blank", !area.textContent.trim() && !area.querySelector("li, blockquote, pre"));
    for (const button of tools.querySelectorAll("button")) button.setAttribute("aria-pressed", String(active(button.dataset.tool)));
    changed();
  }

  const around = (tag) => {
    const place = getSelection().anchorNode;
    const from = place?.nodeType === Node.TEXT_NODE ? place.parentElement : place;
    const found = area.contains(from) ? from.closest(tag) : null;
    return found && area.contains(found) && found !== area ? found : null;
  };

  function active(name) {
    if (name === "bold" || name === "italic" || name === "strike") return document.activeElement === area && document.queryCommandState(COMMANDS[name]);
    return Boolean(around({ numbered: "ol", bulleted: "ul", quote: "blockquote", code: "code", codeblock: "pre", link: "a" }[name]));
  }

  function toggleBlock(tag) {
    document.execCommand("formatBlock", false, around(tag) ? "p" : tag);
  }

  function toggleCode() {
    const inside = around("code");
    const range = getSelection().rangeCount ? getSelection().getRangeAt(0) : null;
    if (!range) return;
    if (inside) {
      inside.replaceWith(...inside.childNodes);
      return;
    }
    const code = h("code", {}, range.toString() || "\u200b");
    range.deleteContents();
    range.insertNode(code);
    getSelection().setBaseAndExtent(code.firstChild, code.firstChild.length, code.firstChild, code.firstChild.length);
  }

  function askLink(anchor) {
    const selection = getSelection();
    const range = selection.rangeCount && area.contains(selection.anchorNode) ? selection.getRangeAt(0).cloneRange() : null;
    const inside = around("a");
    const text = h("input.text-input", { type: "text", value: inside?.textContent ?? range?.toString() ?? "" });
    const url = h("input.text-input", { type: "text", value: inside?.getAttribute("href") ?? "", placeholder: "https://", inputMode: "url" });
    const save = h("button.button.primary", { type: "submit" }, "Save");
    const form = h("form.link-form", {}, h("label", {}, "Text", text), h("label", {}, "Link", url), h("footer", {}, save));
    const close = popover(anchor, form, { above: false });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const address = absolute(url.value.trim());
      if (!address) return url.setAttribute("aria-invalid", "true");
      const made = h("a", { href: address }, text.value || address);
      if (inside) inside.replaceWith(made);
      else {
        const place = range ?? endOf(area);
        place.deleteContents();
        place.insertNode(made);
      }
      close();
      area.focus();
      getSelection().collapse(made.parentNode, [...made.parentNode.childNodes].indexOf(made) + 1);
      return told();
    });
    (text.value ? url : text).focus();
  }

  area.addEventListener("input", () => {
    if (!area.firstChild) area.append(paragraph());
    told();
  });
  area.addEventListener("paste", (event) => {
    event.preventDefault();
    document.execCommand("insertText", false, event.clipboardData.getData("text/plain"));
  });
  area.addEventListener("drop", (event) => event.preventDefault());
  area.addEventListener("keydown", (event) => typed(event));
  area.addEventListener("keyup", told);
  area.addEventListener("mouseup", told);
  area.addEventListener("focus", () => document.execCommand("defaultParagraphSeparator", false, "p"));

  function typed(event) {
    const keys = `${event.altKey ? "Alt+" : ""}${event.shiftKey ? "Shift+" : ""}${event.key.length === 1 ? event.key.toUpperCase() : event.key}`;
    if (event.ctrlKey || event.metaKey) {
      const code = event.code.replace(/^(Digit|Key)/, "");
      const tool = TOOLS.find((each) => each !== "|" && (each[2] === keys || each[2] === `${event.altKey ? "Alt+" : ""}${event.shiftKey ? "Shift+" : ""}${code}`));
      if (!tool) return;
      event.preventDefault();
      use(tool[0], tools.querySelector(`[data-tool=${tool[0]}]`));
    } else if (event.key === "Tab" && around("li")) {
      event.preventDefault();
      document.execCommand(event.shiftKey ? "outdent" : "indent");
    } else if (event.key === "Enter" && !event.shiftKey) {
      const block = around("blockquote") ?? around("pre");
      if (!block || block.textContent.trim()) return;
      event.preventDefault();
      document.execCommand("formatBlock", false, "p");
    } else if (event.key === " ") started(event);
  }

  /** "- ", "1. " and "> " at the start of a paragraph begin a list or a quotation. */
  function started(event) {
    const block = around("p");
    const tool = { "-": "bulleted", "*": "bulleted", "1.": "numbered", ">": "quote" }[block?.textContent];
    if (!tool) return;
    event.preventDefault();
    getSelection().selectAllChildren(block);
    document.execCommand("delete");
    use(tool);
  }

  told();
  return { node, value: () => rich(area), focus: () => area.focus() };
}

const paragraph = () => h("p", {}, h("br"));

function endOf(area) {
  const range = document.createRange();
  range.selectNodeContents(area.lastElementChild ?? area);
  range.collapse(false);
  return range;
}

/** An address with its scheme; null for what is none or of a kind that no mail should carry. */
export function absolute(text) {
  if (!text || /\s/.test(text)) return null;
  if (/^(https?:\/\/|mailto:|tel:)\S+$/i.test(text)) return text;
  if (/^[a-z][a-z0-9+.-]*:(?!\d)/i.test(text)) return null;
  return /^[^@/]+@[^@/]+\.[^@/]+$/.test(text) ? `mailto:${text}` : `https://${text}`;
}
