// The workspace: sidebar with channels and the person one acts as, the channel or the app's home, the thread.

import { blockOf } from "./blocks.js";
import { composer } from "./composer.js";
import { avatar, h, icon, iconButton, menu, redraw, toast } from "./dom.js";
import { inputOf } from "./inputs.js";
import { drawMessages, face } from "./messages.js";
import { modals } from "./modal.js";
import { act, channel, channelsOf, isGuest, nameOf, onChange, people, piece, user } from "./state.js";

const HOME = "home";
const NEAR_END = 80; // pixels: so near to its end a list follows what comes

/** Fill `root` with the workspace. */
export function slack(root) {
  const at = { person: "", channel: "", thread: null };
  const read = new Map(); // "person channel" -> ts of the newest message that was seen

  const sidebar = h("nav.sidebar", { "aria-label": "Channels" });
  const title = h("h1");
  const about = h("span.about");
  const list = h("div.messages", { role: "log", "aria-label": "Messages", tabIndex: 0 });
  const write = composer();
  const home = h("div.home", { hidden: true });
  const pane = h("div.pane", {}, h("header.pane-head", {}, title, about), list, home, write.node);

  const threadAbout = h("span.about");
  const threadList = h("div.messages", { role: "log", "aria-label": "Thread", tabIndex: 0 });
  const threadWrite = composer();
  const thread = h("aside.thread", { hidden: true, "aria-label": "Thread" }, h("header.pane-head", {}, h("h1", {}, "Thread"), threadAbout, iconButton("close", "Close the thread", () => openThread(null))), threadList, threadWrite.node);
  const switcher = h("button.switcher", { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => menu(switcher, peopleRows(), "Act as", { above: true }) });
  root.append(h("div.workspace", {}, h("div.side", {}, sidebar, switcher), pane, thread));
  const modal = modals(root);

  const messages = () => piece(`messages:${at.channel}`, { top: [], replies: {} });
  const whispers = () => piece(`ephemerals:${at.person}`, {})[at.channel] ?? [];
  const byTime = (one, other) => Number(one.ts) - Number(other.ts);

  function peopleRows() {
    return people().map((each) => ({ label: nameOf(each), detail: isGuest(each) ? "Guest" : each.profile?.title || "Member", run: () => become(each.id) }));
  }

  function become(person) {
    at.person = person;
    if (at.channel !== HOME && !channelsOf(person).some((each) => each.id === at.channel)) go(channelsOf(person)[0]?.id ?? HOME);
    else if (at.channel === HOME) go(HOME);
    else draw();
  }

  function go(place) {
    if (at.channel !== place) openThread(null);
    at.channel = place;
    if (place === HOME) act(at.person, "open_home").catch(() => {});
    draw();
    list.scrollTop = list.scrollHeight;
  }

  function openThread(ts) {
    at.thread = ts;
    root.classList.toggle("with-thread", Boolean(ts));
    thread.hidden = !ts;
    threadList.replaceChildren();
    if (ts) {
      draw();
      threadList.scrollTop = threadList.scrollHeight;
      threadWrite.focus();
    }
  }

  /** Show a message that a link leads to. */
  function lead({ channel: place, ts, thread: parent }) {
    if (!channelsOf(at.person).some((each) => each.id === place)) return toast(`${nameOf(user(at.person))} is not in that channel.`, "bad");
    go(place);
    if (parent && parent !== ts) openThread(parent);
    const node = (parent && parent !== ts ? threadList : list).querySelector(`[data-ts="${ts}"]`);
    if (!node) return toast("That message is not there any more.", "bad");
    root.querySelector(".pointed")?.classList.remove("pointed");
    node.classList.add("pointed");
    node.scrollIntoView({ block: "center" });
    return undefined;
  }

  // --- drawing ---

  function draw() {
    if (!at.person) return;
    modal.show(at.person);
    drawSwitcher();
    const atHome = at.channel === HOME;
    list.hidden = write.node.hidden = atHome;
    home.hidden = !atHome;
    if (atHome) drawHome();
    else drawChannel();
    drawSidebar();
  }

  function drawSwitcher() {
    const person = user(at.person);
    const named = () => h("span.who", {}, h("small", {}, "Acting as"), h("strong", {}, nameOf(person)));
    redraw(switcher, nameOf(person), () => [avatar(nameOf(person), 28), named(), icon("down", 14)]);
    switcher.setAttribute("aria-label", `Acting as ${nameOf(person)}; choose somebody else`);
  }

  function drawSidebar() {
    const app = user(piece("team")?.appUser);
    const places = channelsOf(at.person).map((each) => ({ ...each, unread: count(each.id) }));
    const shown = [piece("team")?.name, nameOf(app), at.channel, places.map((each) => [each.id, each.name, each.unread])];
    const rows = () => places.map((each) => {
      const { unread } = each;
      const mark = each.is_private ? "lock" : "hash";
      const here = each.id === at.channel;
      return h(
        `button.place${here ? ".here" : ""}${unread ? ".unread" : ""}`,
        { type: "button", "aria-current": here ? "page" : null, onclick: () => go(each.id) },
        icon(mark, 15),
        h("span", {}, each.name),
        unread ? h("b.count", { "aria-label": `${unread} unread` }, String(Math.min(unread, 99))) : null,
      );
    });
    const appRow = () => h(`button.place${at.channel === HOME ? ".here" : ""}`, { type: "button", "aria-current": at.channel === HOME ? "page" : null, onclick: () => go(HOME) }, face({ name: nameOf(app), app: true }, 20), h("span", {}, nameOf(app)));
    const focused = [...sidebar.querySelectorAll("button")].indexOf(document.activeElement);
    redraw(sidebar, shown, () => [h("div.team", {}, piece("team")?.name ?? ""), h("h2", {}, "Channels"), ...rows(), h("h2", {}, "Apps"), appRow()]);
    if (focused >= 0 && !sidebar.contains(document.activeElement)) sidebar.querySelectorAll("button")[focused]?.focus();
  }

  /** Messages in the channel that the person has not seen. */
  function count(channelId) {
    const last = read.get(`${at.person} ${channelId}`) ?? 0;
    return piece(`messages:${channelId}`, { top: [] }).top.filter((message) => Number(message.ts) > last && message.user !== at.person).length;
  }

  function drawChannel() {
    const here = channel(at.channel);
    if (!here) return;
    title.replaceChildren(icon(here.is_private ? "lock" : "hash", 18), here.name);
    about.textContent = here.is_ext_shared ? "Shared with another company" : here.topic?.value || `${here.members.filter((id) => !user(id).is_bot).length} members`;
    const inThread = (message) => message.thread_ts && message.thread_ts !== message.ts;
    const shown = [...messages().top, ...whispers().filter((message) => !inThread(message))].sort(byTime);
    following(list, () => drawMessages(list, shown, { person: () => at.person, channel: at.channel, openThread }));
    if (!document.hidden) read.set(`${at.person} ${at.channel}`, Number(messages().top.at(-1)?.ts ?? 0));
    write.aim(at.person, at.channel);
    if (at.thread) drawThread(here);
  }

  function drawThread(here) {
    const parent = messages().top.find((message) => message.ts === at.thread);
    if (!parent) return openThread(null);
    threadAbout.textContent = `#${here.name}`;
    const own = whispers().filter((message) => message.thread_ts === at.thread);
    const shown = [...(messages().replies[at.thread] ?? []), ...own].sort(byTime);
    following(threadList, () => drawMessages(threadList, [{ ...parent, reply_count: 0 }, ...shown], { person: () => at.person, channel: at.channel, openThread: null }));
    threadWrite.aim(at.person, at.channel, at.thread);
    return undefined;
  }

  /** Draw, and stay at the end where the reader was at the end. */
  function following(box, drawing) {
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
    drawing();
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  /** A picture that comes late moves the end; where the reader was there, they stay there. */
  function pictured(event) {
    const box = event.currentTarget;
    if (box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END + event.target.offsetHeight) box.scrollTop = box.scrollHeight;
  }

  function drawHome() {
    const app = user(piece("team")?.appUser);
    title.replaceChildren(nameOf(app));
    about.textContent = "Home";
    const view = piece(`home:${at.person}`);
    const acting = { person: () => at.person, press: pressed, choose: pressed };
    const empty = h("p.empty", {}, "The app has not published its home yet.");
    redraw(home, [view?.hash, at.person], () => [h("div.home-blocks", {}, view ? view.blocks.map((block) => (block.type === "input" ? asked(block) : blockOf(block, acting))) : empty)]);
  }

  /** An input of the home tab, which acts when Enter is pressed. */
  function asked(block) {
    const input = inputOf(block, at.person);
    input.node.addEventListener("keydown", (event) => {
      const value = input.value();
      if (event.key === "Enter" && !event.isComposing && block.dispatch_action && value) pressed(block.element.action_id, value).catch((error) => toast(error.message, "bad"));
    });
    return input.node;
  }

  const pressed = (actionId, value) => act(at.person, "click_view", { action_id: actionId, value });

  onChange(() => {
    if (!at.person && people().length) become(people()[0].id);
    else draw();
  });
  document.addEventListener("visibilitychange", draw);
  document.addEventListener("lead", (event) => lead(event.detail));
  for (const box of [list, threadList]) box.addEventListener("load", pictured, true);
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && at.thread && !event.defaultPrevented) openThread(null);
  });
}
