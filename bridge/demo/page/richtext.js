// Slack's rich_text blocks as elements.

import { h } from "./dom.js";
import { emoji } from "./emoji.js";
import { link, mention } from "./mrkdwn.js";
import { channel } from "./state.js";

const STYLES = [["bold", "strong"], ["italic", "em"], ["strike", "s"], ["underline", "u"], ["code", "code"]];

const PARTS = {
  text: (part) => part.text.split("\n").flatMap((line, place) => (place ? [h("br"), line] : [line])),
  link: (part) => link(part.url, part.text || part.url),
  emoji: (part) => h("span.emoji", {}, emoji(part.name) ?? fromCodes(part.unicode) ?? `:${part.name}:`),
  user: (part) => mention(part.user_id),
  channel: (part) => h("span.mention", {}, `#${channel(part.channel_id)?.name ?? part.channel_id}`),
  broadcast: (part) => h("span.mention", {}, `@${part.range}`),
  usergroup: () => h("span.mention", {}, "@group"),
  date: (part) => part.fallback ?? new Date(part.timestamp * 1000).toLocaleString("en-US"),
  color: (part) => part.value,
};

const fromCodes = (codes) => (codes ? String.fromCodePoint(...codes.split("-").map((code) => parseInt(code, 16))) : null);

/** One inline element of a rich_text section, within its styles. */
function inlinePart(part) {
  let nodes = [PARTS[part.type]?.(part) ?? ""].flat();
  for (const [style, tag] of STYLES) if (part.style?.[style]) nodes = [h(tag, {}, nodes)];
  return nodes;
}

const inlineOf = (element) => element.elements.flatMap(inlinePart);

const BLOCKS = {
  rich_text_section: (element) => h("div.section-text", {}, inlineOf(element)),
  rich_text_quote: (element) => h("blockquote", {}, inlineOf(element)),
  rich_text_preformatted: (element) => h("pre", {}, element.elements.map((part) => part.text ?? part.url ?? "").join("")),
  rich_text_list: (element) => {
    const list = h(element.style === "ordered" ? "ol" : "ul", { start: element.offset ? element.offset + 1 : null });
    list.classList.add(`indent-${Math.min(element.indent ?? 0, 8)}`);
    list.append(...element.elements.map((item) => h("li", {}, inlineOf(item))));
    return list;
  },
};

/** A rich_text block. */
export const richText = (block) => h("div.rich-text", { dir: "auto" }, block.elements.map((element) => BLOCKS[element.type]?.(element) ?? null));
