// Between an editor's elements and Slack's rich_text block, both ways.

import { h } from "./dom.js";

const STYLE_OF = { B: "bold", STRONG: "bold", I: "italic", EM: "italic", S: "strike", STRIKE: "strike", DEL: "strike", CODE: "code" };
const TAG_OF = { bold: "b", italic: "i", strike: "s", code: "code" };
const BLOCKS = new Set(["P", "DIV", "UL", "OL", "BLOCKQUOTE", "PRE", "LI"]);

// --- elements to rich_text ----------------------------------------------------------------------------------------

/** Inline runs of a node: text and link elements with their styles, "\n" for <br>. */
function runs(node, style = {}, url = null) {
  if (node.nodeType === Node.TEXT_NODE) {
    const text = node.data.replaceAll("\u200b", "").replaceAll("\u00a0", " ");
    return text ? [made(text, style, url)] : [];
  }
  if (node.nodeName === "BR") return [made("\n", {}, null)];
  if (node.dataset?.part) return [JSON.parse(node.dataset.part)];
  const next = STYLE_OF[node.nodeName] ? { ...style, [STYLE_OF[node.nodeName]]: true } : style;
  const href = node.nodeName === "A" ? node.getAttribute("href") : url;
  const parts = [...node.childNodes].flatMap((child) => runs(child, next, href));
  return BLOCKS.has(node.nodeName) && node.nextSibling && node.parentNode.nodeName !== "P" ? [...parts, made("\n", {}, null)] : parts;
}

function made(text, style, url) {
  const styled = Object.keys(style).length ? { style } : {};
  return url && text.trim() ? { type: "link", url, text, ...styled } : { type: "text", text, ...styled };
}

const sameStyle = (one, other) => JSON.stringify(one.style ?? {}) === JSON.stringify(other.style ?? {});

/** Runs of one style joined; the <br> that holds an empty line open taken off the end. */
function joined(parts) {
  const all = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (last && last.type === part.type && sameStyle(last, part) && (part.type === "text" || (part.type === "link" && last.url === part.url))) {
      all[all.length - 1] = { ...last, text: last.text + part.text };
    } else all.push(part);
  }
  return all;
}

const inlineOf = (node) => {
  const parts = [...node.childNodes].flatMap((child) => runs(child));
  if (node.lastChild?.nodeName === "BR") parts.pop();
  return joined(parts);
};

function lists(list, indent) {
  const style = list.nodeName === "OL" ? "ordered" : "bullet";
  const found = [];
  let items = [];
  const flush = () => {
    if (items.length) found.push({ type: "rich_text_list", style, indent, border: 0, elements: items });
    items = [];
  };
  for (const child of list.children) {
    const nested = child.nodeName === "LI" ? [...child.children].filter((each) => each.matches("ul, ol")) : [child];
    if (child.nodeName === "LI") {
      const words = h("div", {}, [...child.childNodes].filter((each) => !nested.includes(each)).map((each) => each.cloneNode(true)));
      items.push({ type: "rich_text_section", elements: inlineOf(words) });
    }
    for (const inner of nested) {
      flush();
      found.push(...lists(inner, Math.min(indent + 1, 8)));
    }
  }
  flush();
  return found;
}

/** Lines of blocks of one kind, put together with line breaks. */
function together(nodes) {
  return joined(nodes.flatMap((node, place) => [...(place ? [made("\n", {}, null)] : []), ...inlineOf(node)]));
}

const KIND_OF = { UL: "list", OL: "list", BLOCKQUOTE: "quote", PRE: "pre" };

/** The blocks of an editor in order: browsers leave lists within paragraphs, and words outside of them. */
function blocksOf(node) {
  const found = [];
  let loose = null;
  for (const child of node.childNodes) {
    const block = BLOCKS.has(child.nodeName);
    if (block && !KIND_OF[child.nodeName] && [...child.children].some((each) => BLOCKS.has(each.nodeName))) found.push(...blocksOf(child));
    else if (block) found.push(child);
    else if (loose) loose.append(child.cloneNode(true));
    else if (child.nodeName !== "BR") found.push((loose = h("p", {}, child.cloneNode(true))));
    if (block) loose = null;
  }
  return found;
}

/** The editor's content as a rich_text block; null when nothing is written. */
export function rich(area) {
  const groups = [];
  for (const block of blocksOf(area)) {
    const kind = KIND_OF[block.nodeName] ?? "section";
    if (groups.at(-1)?.kind === kind && kind !== "list") groups.at(-1).nodes.push(block);
    else groups.push({ kind, nodes: [block] });
  }
  const elements = groups.flatMap(({ kind, nodes }) => {
    if (kind === "list") return lists(nodes[0], 0);
    if (kind === "quote") return [{ type: "rich_text_quote", elements: together(nodes) }];
    if (kind === "pre") return [{ type: "rich_text_preformatted", border: 0, elements: joined(together(nodes).map((part) => ({ type: "text", text: part.text ?? "" }))) }];
    return [{ type: "rich_text_section", elements: together(nodes) }];
  });
  const full = elements.filter((element) => element.elements.length && element.elements.some((part) => part.elements?.length !== 0));
  while (full.length && isBlank(full.at(-1))) full.pop();
  while (full.length && isBlank(full[0])) full.shift();
  return full.length ? { type: "rich_text", elements: full } : null;
}

const isBlank = (element) => element.type === "rich_text_section" && element.elements.every((part) => part.type === "text" && !part.text.trim());

// --- rich_text to elements ----------------------------------------------------------------------------------------

/** An inline element of rich_text, as the editor holds it; what it cannot write itself it carries along unchanged. */
function partOf(part, names) {
  if (part.type === "text" || part.type === "link") {
    const words = (part.text ?? part.url).split("\n").flatMap((line, place) => (place ? [h("br"), line] : [line]));
    let nodes = part.type === "link" ? [h("a", { href: part.url }, words)] : words;
    for (const [style, tag] of Object.entries(TAG_OF)) if (part.style?.[style]) nodes = [h(tag, {}, nodes)];
    return nodes;
  }
  const shown = { emoji: () => names.emoji(part.name) ?? `:${part.name}:`, user: () => `@${names.nameOf(part.user_id)}` }[part.type]?.() ?? part.type;
  const held = h("span.mention", { contentEditable: "false" }, shown);
  held.dataset.part = JSON.stringify(part);
  return [held];
}

/** A section's elements parted into lines at "\n". */
function linesOf(elements) {
  const lines = [[]];
  for (const part of elements) {
    if (part.type !== "text" || !part.text.includes("\n")) lines.at(-1).push(part);
    else part.text.split("\n").forEach((text, place) => {
      if (place) lines.push([]);
      if (text) lines.at(-1).push({ ...part, text });
    });
  }
  return lines;
}

/** A rich_text block as the editor's elements. `names` knows emoji(name) and nameOf(userId). */
export function formOf(block, names) {
  const filled = (tag, elements) => {
    const nodes = elements.flatMap((part) => partOf(part, names));
    return h(tag, {}, nodes.length ? nodes : h("br"));
  };
  const nodes = block.elements.flatMap((element) => {
    if (element.type === "rich_text_list") return [nest(element, (item) => filled("li", item.elements))];
    const tag = { rich_text_quote: "blockquote", rich_text_preformatted: "pre" }[element.type] ?? "p";
    return linesOf(element.elements).map((line) => filled(tag, line));
  });
  return nodes.length ? nodes : [h("p", {}, h("br"))];
}

/** A list within as many lists as its indent says. */
function nest(element, item) {
  const tag = element.style === "ordered" ? "ol" : "ul";
  let list = h(tag, {}, element.elements.map(item));
  for (let depth = 0; depth < (element.indent ?? 0); depth++) list = h(tag, {}, list);
  return list;
}
