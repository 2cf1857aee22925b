// The page: the customer's mail program on one side, the workspace on the other, a hint of what to try above.

import { h, toast } from "./dom.js";
import { mail } from "./mail.js";
import { slack } from "./slack.js";
import { connect, later, now, onChange, piece } from "./state.js";

const MAIL_WIDTH = { least: 300, most: 720, step: 24 }; // pixels

const find = (selector) => document.querySelector(selector);

mail(find(".mail"));
slack(find(".slack"));

onChange(() => {
  const first = piece("customers", [])[0];
  if (!first) return;
  const name = (first.name || first.email).split(" ")[0];
  find(".hint").replaceChildren(h("li", {}, `Write as ${name}`), h("li", {}, "Reply in Slack"), h("li", {}, "Read the answer"));
});

// --- the demo's time, which can be set ahead ---

const TIME = new Intl.DateTimeFormat("en-US", { weekday: "short", hour: "numeric", minute: "2-digit" });
const HOUR = 3600_000; // milliseconds
const MONDAY = 1;

function until(name) {
  const here = new Date(now());
  if (name !== "monday") return name === "hour" ? HOUR : 24 * HOUR;
  const days = (MONDAY - here.getDay() + 7) % 7 || 7;
  return new Date(here.getFullYear(), here.getMonth(), here.getDate() + days, 9) - here;
}

const tick = () => (find(".later summary").textContent = `${TIME.format(new Date(now()))} · later`);

for (const button of document.querySelectorAll("[data-later]")) {
  button.addEventListener("click", () => {
    find(".later").open = false;
    later(Math.ceil(until(button.dataset.later) / 1000)).catch((error) => toast(error.message, "bad"));
  });
}

document.addEventListener("click", (event) => event.target.closest(".later") || (find(".later").open = false));
document.addEventListener("keydown", (event) => event.key === "Escape" && (find(".later").open = false));

onChange((names) => names.has("ahead") && tick());
setInterval(tick, 10_000);
tick();

connect((connected) => {
  find(".connection").textContent = connected ? "" : "Not connected. Trying again…";
  document.body.classList.toggle("offline", !connected);
});

// --- the two sides: tabs on a narrow window, else a divider to drag ---

const tabs = [...document.querySelectorAll(".sides button")];

function side(name) {
  document.body.dataset.side = name;
  for (const tab of tabs) tab.setAttribute("aria-selected", String(tab.dataset.side === name));
}

for (const tab of tabs) tab.addEventListener("click", () => side(tab.dataset.side));
side("slack");

const divider = find(".divider");

function widen(pixels) {
  const width = Math.max(MAIL_WIDTH.least, Math.min(MAIL_WIDTH.most, pixels));
  document.documentElement.style.setProperty("--mail-width", `${width}px`);
  divider.setAttribute("aria-valuenow", String(Math.round(width)));
}

divider.addEventListener("pointerdown", (event) => {
  divider.setPointerCapture(event.pointerId);
  const move = (moved) => widen(moved.clientX - find(".mail").getBoundingClientRect().left);
  divider.addEventListener("pointermove", move);
  divider.addEventListener("pointerup", () => divider.removeEventListener("pointermove", move), { once: true });
});
divider.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -MAIL_WIDTH.step, ArrowRight: MAIL_WIDTH.step }[event.key];
  if (!step) return;
  event.preventDefault();
  widen(find(".mail").getBoundingClientRect().width + step);
});
