// Block Kit as Slack draws it: header, section, context, actions, divider, image, rich_text, markdown, file, table.
// Input blocks are the modal's own (inputs.js).

import { h, icon, sizeOf } from "./dom.js";
import { interactive } from "./elements.js";
import { mrkdwn, textOf } from "./mrkdwn.js";
import { richText } from "./richtext.js";

/** A picture of a block: only from this page or in the data itself; else its words. */
function picture(element, spec) {
  const url = element.image_url ?? element.slack_file?.url ?? "";
  const own = url.startsWith("data:") || url.startsWith("/");
  return own ? h(`img${spec}`, { src: url, alt: element.alt_text }) : h(`span.no-image${spec}`, { role: "img", "aria-label": element.alt_text }, element.alt_text);
}

function section(block, acting) {
  const accessory = block.accessory;
  const beside = accessory && (accessory.type === "image" ? picture(accessory, ".accessory-image") : interactive(accessory, acting));
  const fields = block.fields && h("div.fields", {}, block.fields.map((field) => h("div.field", { dir: "auto" }, textOf(field))));
  const text = block.text && h("div.words", { dir: "auto" }, textOf(block.text));
  return h("div.section", {}, h("div.section-main", {}, text ?? null, fields ?? null), beside ? h("div.accessory", {}, beside) : null);
}

const context = (block) =>
  h("div.context", {}, block.elements.map((element) => (element.type === "image" ? picture(element, ".context-image") : h("span.context-text", { dir: "auto" }, textOf(element)))));

function table(block) {
  const cell = (value) => h("td", { dir: "auto" }, value.type === "rich_text" ? richText(value) : value.text ?? "");
  return h("div.table-box", {}, h("table", {}, block.rows.map((row) => h("tr", {}, row.map(cell)))));
}

const KINDS = {
  actions: (block, acting) => h("div.actions", {}, block.elements.map((element) => interactive(element, acting))),
  context,
  divider: () => h("hr"),
  file: (block) => h("div.context", {}, icon("file", 16), h("span", {}, `File ${block.external_id ?? ""}`)),
  header: (block) => h("h3.header", { dir: "auto" }, textOf(block.text)),
  image: (block) => h("figure", {}, block.title ? h("figcaption", {}, textOf(block.title)) : null, picture(block, ".block-image")),
  markdown: (block) => h("div.words", { dir: "auto" }, mrkdwn(block.text.replaceAll("**", "*"))),
  rich_text: (block) => richText(block),
  section,
  table,
};

/** One block; null for an input, or a kind this page does not draw. */
export function blockOf(block, acting) {
  const node = KINDS[block.type]?.(block, acting) ?? null;
  if (node) node.dataset.block = block.block_id ?? "";
  return node;
}

/** A message's body: its blocks, else its text; then its attachments' blocks. */
export function bodyOf(message, acting) {
  const nodes = message.blocks?.length ? message.blocks.map((block) => blockOf(block, acting)) : message.text ? [h("div.words", { dir: "auto" }, mrkdwn(message.text))] : [];
  const attached = (message.attachments ?? []).map((part) => {
    const node = h("div.attachment", {}, (part.blocks ?? []).map((block) => blockOf(block, acting)), part.text && !part.blocks ? mrkdwn(part.text) : null);
    if (/^#?[0-9a-f]{6}$/i.test(part.color ?? "")) node.style.borderLeftColor = `#${part.color.replace("#", "")}`;
    return node;
  });
  return h("div.blocks", {}, nodes, attached);
}

const COLOURS = { pdf: "#d6453d", image: "#8a4fb8", text: "#3b6fb5", archive: "#b5852d", other: "#5c6470" };

function familyOf(file) {
  const type = file.mimetype ?? file.type ?? "";
  if (type === "application/pdf") return "pdf";
  if (type.startsWith("image/")) return "image";
  if (type.startsWith("text/") || type === "message/rfc822" || type === "application/json") return "text";
  return /zip|tar|gzip|7z/.test(type) ? "archive" : "other";
}

/** A file as a tile, a picture as itself: `file` has name, mimetype or type, size and href. */
export function fileTile(file) {
  if (file.mode === "tombstone") return h("div.file-gone", {}, "This file was deleted.");
  const family = familyOf(file);
  const name = file.title || file.name;
  if (family === "image" && file.href && !/svg/.test(file.mimetype ?? file.type)) {
    return h("a.file-image", { href: file.href, target: "_blank", title: name }, h("span.file-name", {}, name), h("img", { src: file.href, alt: name, loading: "lazy" }));
  }
  const badge = h("span.file-badge", {}, family === "pdf" ? "PDF" : icon("file", 20));
  badge.style.backgroundColor = COLOURS[family];
  const kind = { pdf: "PDF", text: "Text", image: "Image", archive: "Archive", other: "File" }[family];
  return h(
    "a.file-tile",
    { href: file.href ?? null, download: file.name, title: `Save ${name}` },
    badge,
    h("span.file-words", {}, h("strong", {}, name), h("small", {}, `${kind}, ${sizeOf(file.size ?? 0)}`)),
    icon("download", 16),
  );
}
