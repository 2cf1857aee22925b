// Slack's mrkdwn to elements: escapes, *bold*, _italic_, ~strike~, `code`, ``` blocks, > quotes, lists, <..> links and
// mentions, :emoji:. Text objects come in, elements go out; nothing is ever parsed as HTML.

import { h } from "./dom.js";
import { emoji, withEmoji } from "./emoji.js";
import { channel, locale, nameOf, now, piece, user } from "./state.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const unescape = (text) => text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);

const SAFE = /^(?:https?|mailto|tel|slack):/i;
const STYLES = { "*": "strong", _: "em", "~": "s" };

const MESSAGE = /^archives\/(\w+)\/p(\d+)(\d{6})(?:\?thread_ts=([\d.]+))?/;

/** A link that leaves the page in a new tab; one to a message of this workspace leads there; only its text where the
    address is of another kind. */
export function link(url, text) {
  if (!SAFE.test(url)) return document.createTextNode(text);
  const own = piece("team")?.url;
  const message = own && url.startsWith(own) && MESSAGE.exec(url.slice(own.length));
  if (message) return h("a", { href: url, onclick: (event) => leadTo(event, message) }, text);
  return h("a", { href: url, target: "_blank", rel: "noreferrer noopener" }, text);
}

function leadTo(event, [, channelId, seconds, rest, thread]) {
  event.preventDefault();
  document.dispatchEvent(new CustomEvent("lead", { detail: { channel: channelId, ts: `${seconds}.${rest}`, thread } }));
}

/** A person's name as a mention. */
export const mention = (id, label) => h("span.mention", {}, `@${label || nameOf(user(id))}`);

/** What stands between < and >: a link, a person, a channel, a date, a call to everybody. */
function bracketed(inner) {
  const [target, label] = inner.split(/\|(.*)/s);
  if (target.startsWith("@")) return mention(target.slice(1), label);
  if (target.startsWith("#")) return h("span.mention", {}, `#${label || channel(target.slice(1))?.name || target.slice(1)}`);
  if (target.startsWith("!date^")) return document.createTextNode(dated(target, label));
  if (target.startsWith("!subteam")) return h("span.mention", {}, label || "@group");
  if (target.startsWith("!")) return h("span.mention", {}, `@${target.slice(1).split("^")[0]}`);
  return link(unescape(target), unescape(label || target.replace(/^(mailto|tel):/, "")));
}

const DATES = {
  date_num: { year: "numeric", month: "2-digit", day: "2-digit" },
  date_slash: { year: "numeric", month: "2-digit", day: "2-digit" },
  date: { month: "long", day: "numeric", year: "numeric" },
  date_pretty: { month: "long", day: "numeric", year: "numeric" },
  date_short: { month: "short", day: "numeric", year: "numeric" },
  date_short_pretty: { month: "short", day: "numeric", year: "numeric" },
  date_long: { weekday: "long", month: "long", day: "numeric", year: "numeric" },
  date_long_pretty: { weekday: "long", month: "long", day: "numeric", year: "numeric" },
  time: { hour: "numeric", minute: "2-digit" },
  time_secs: { hour: "numeric", minute: "2-digit", second: "2-digit" },
};

/** <!date^SECONDS^FORMAT^LINK|FALLBACK> in the reader's own zone. */
function dated(target, fallback) {
  const [, seconds, format = ""] = target.split("^");
  const at = new Date(Number(seconds) * 1000);
  if (Number.isNaN(at.getTime())) return fallback ?? "";
  const days = Math.round((midnight(at) - midnight(new Date(now()))) / DAY);
  return format.replace(/\{(\w+)\}/g, (whole, name) => {
    if (name.endsWith("_pretty") && Math.abs(days) <= 1) return new Intl.RelativeTimeFormat(locale(), { numeric: "auto" }).format(days, "day");
    if (name === "ago") return "just now";
    return DATES[name] ? at.toLocaleString(locale(), DATES[name]) : whole;
  });
}

const DAY = 86_400_000; // milliseconds
const midnight = (at) => new Date(at).setHours(0, 0, 0, 0);

// A zero-width space beside a mark takes its effect, as in Slack.
const blank = (letter) => letter === undefined || /[\s\u200b]/.test(letter);
const edge = (letter) => letter === undefined || !/[\p{L}\p{N}]/u.test(letter);

/** Where the mark at `start` is closed again on this line, or -1. */
function closing(text, start) {
  const mark = text[start];
  if (!edge(text[start - 1]) || blank(text[start + 1]) || text[start + 1] === mark) return -1;
  for (let place = start + 2; place < text.length && text[place] !== "\n"; place++) {
    if (text[place] === mark && !blank(text[place - 1]) && edge(text[place + 1])) return place;
  }
  return -1;
}

/** One run of text, without blocks. */
export function inline(text) {
  const nodes = [];
  let plain = "";
  const flush = () => {
    if (plain) nodes.push(document.createTextNode(unescape(plain)));
    plain = "";
  };
  const put = (node) => {
    flush();
    nodes.push(node);
  };
  for (let place = 0; place < text.length; place++) {
    const letter = text[place];
    if (letter === "<") {
      const end = text.indexOf(">", place);
      if (end > place + 1) {
        put(bracketed(text.slice(place + 1, end)));
        place = end;
        continue;
      }
    }
    if (letter === "`") {
      const end = text.indexOf("`", place + 1);
      if (end > place + 1 && !text.slice(place, end).includes("\n") && !blank(text[place + 1]) && !blank(text[end - 1])) {
        put(h("code", {}, unescape(text.slice(place + 1, end))));
        place = end;
        continue;
      }
    }
    if (STYLES[letter]) {
      const end = closing(text, place);
      if (end > 0) {
        put(h(STYLES[letter], {}, inline(text.slice(place + 1, end))));
        place = end;
        continue;
      }
    }
    if (letter === ":") {
      const name = /^:([a-z0-9_+-]{1,60}):/.exec(text.slice(place, place + 62));
      if (name && emoji(name[1])) {
        put(h("span.emoji", { title: name[0] }, emoji(name[1])));
        place += name[0].length - 1;
        continue;
      }
    }
    if (letter === "\n") put(h("br"));
    else plain += letter;
  }
  flush();
  return nodes;
}

const QUOTE = /^(?:&gt;|>) ?/;

/** Lines outside code blocks: quotes gathered, the rest in one run. */
function lines(text) {
  const nodes = [];
  let run = [];
  let quoting = false;
  const flush = () => {
    if (run.length) nodes.push(quoting ? h("blockquote", {}, inline(run.join("\n"))) : h("span.run", {}, inline(run.join("\n"))));
    run = [];
  };
  for (const line of text.split("\n")) {
    const quoted = QUOTE.test(line);
    if (quoted !== quoting) flush();
    quoting = quoted;
    run.push(quoted ? line.replace(QUOTE, "") : line);
  }
  flush();
  return nodes;
}

/** mrkdwn as elements. */
export function mrkdwn(text) {
  return text.split("```").flatMap((part, place, parts) => {
    if (place % 2 === 0) return part ? lines(place ? part.replace(/^\n/, "") : part) : [];
    if (place === parts.length - 1) return lines("```" + part);
    return [h("pre", {}, unescape(part.replace(/^\n|\n$/g, "")))];
  });
}

/** A text object (mrkdwn or plain_text) as elements. */
export function textOf(object) {
  if (!object) return [];
  if (typeof object === "string") return [object];
  if (object.type === "mrkdwn") return mrkdwn(object.text);
  return [object.emoji === false ? object.text : withEmoji(object.text)];
}
