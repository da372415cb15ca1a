// Keeps the open page as the cluster is, without reloading it. Works on what the server has rendered, and keeps nothing.
"use strict";

// What only the program knows that served this page. Once it has ended, its port may be another user's.
const PROOF = {{ proof }};
// What looks like a token.
const TOKEN = new RegExp({{ token }});
// The cluster of which this is the page: somebody may have two open.
const PLACE = {{ place }};

const live = document.getElementById("live");
const main = document.getElementById("content");
const isFollowed = document.querySelector("[data-live]") !== null;
const SERVED_NO_MORE = "The page is served no more: close it, and run kubectl github-pat ui again";
// How long the program may take to say who it is until the page says that it waits.
const PATIENCE = 20_000;
// How long it may take to render the page anew until what is shown is in doubt: it may wait for the API server.
const SLOW = 3000;
// Who is asked for it: for all connections at a glance the program asks nobody.
const ASKED = location.pathname.startsWith("/connections/") ? "the API server" : "the program that serves the page";
// A browser breaks connections too, as when the network of the machine changes: so long after each break the program is asked again.
const PAUSES = [0, 500, 2000];
// How long until what could not be shown is asked for again.
const AGAIN = 2000;

let source = null;
let events = document.body.dataset.events;
let version = null;
let late = null;
let again = null;
let asking = null;
let breaks = 0;
let isDoubted = false;
let isOver = false;
let isRefreshing = false;
let isAsked = false;
let focused = null;

document.getElementById("place").textContent = PLACE;

function say(text) {
  if (live.textContent !== text) live.textContent = text;
}

// What stands there was so, and nobody knows whether it is.
function doubt(text) {
  isDoubted = true;
  document.body.toggleAttribute("data-stale", true);
  say(text);
}

// What the page says of itself when nothing is in doubt.
function settle() {
  isDoubted = false;
  if (!isFollowed) document.body.toggleAttribute("data-stale", false);
  if (!isFollowed) say("");
  else if (document.body.hasAttribute("data-stale")) say("Not up to date");
  else say(follows(events) ? "Live" : "Read once a minute");
}

// Whether changes of what is shown are told at this address; a connection outside of the namespace that is followed has none.
function follows(address) {
  return new URL(address, location.href).searchParams.has("version");
}

// Nothing of the page can be used while it is not known who would answer.
function hold(isHeld) {
  if (isHeld && !main.inert) focused = document.activeElement;
  for (const part of document.querySelectorAll("main, header nav, .skip")) part.inert = isHeld;
  if (!isHeld) focused?.focus({ preventScroll: true });
}

// Nobody is asked again, whoever listens there by now.
function end() {
  isOver = true;
  leave();
  hold(true);
  for (const field of document.querySelectorAll("input[type=password]")) field.value = "";
  doubt(SERVED_NO_MORE);
}

// Puts the sections of another rendering of this page in the place of those that are there. What a person has opened and scrolled stays so.
function take(page) {
  const parts = (root) => [...root.querySelectorAll("[data-live]")].map((part) => part.id).join();
  if (parts(document) !== parts(page)) {
    const content = document.importNode(page.getElementById("content"), true);
    main.replaceChildren(...content.childNodes);
    document.title = page.title;
    return;
  }
  const focused = document.activeElement;
  const mark = focused && (focused.id ? `#${CSS.escape(focused.id)}` : focused.getAttribute("href") && `a[href="${CSS.escape(focused.getAttribute("href"))}"]`);
  const section = focused && focused.closest("[data-live]");
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = page.getElementById(old.id);
    if (!next) continue;
    const imported = document.importNode(next, true);
    for (const details of imported.querySelectorAll("details[id]")) {
      details.open = document.getElementById(details.id)?.open === true;
    }
    if (imported.innerHTML === old.innerHTML) continue;
    const scrolled = [...old.querySelectorAll(".scroll[id], pre[id]")].map(({ id, scrollLeft, scrollTop }) => [id, { scrollLeft, scrollTop }]);
    old.replaceWith(imported);
    for (const [id, place] of scrolled) Object.assign(document.getElementById(id) ?? {}, place);
    if (mark && section === old) imported.querySelector(mark)?.focus({ preventScroll: true });
  }
  document.title = page.title;
}

async function refresh() {
  if (!isFollowed || isOver) return;
  isAsked = true;
  if (isRefreshing) return;
  isRefreshing = true;
  // Nobody is asked for the page of whom it is not known who they are.
  while (isAsked && source !== null && !main.inert && !document.hidden) {
    isAsked = false;
    asking = new AbortController();
    const slow = setTimeout(() => doubt(`Not up to date: ${ASKED} does not answer`), SLOW);
    let isShown = false;
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: asking.signal });
      if (answer.headers.get("github-pat-proof") !== PROOF) return end();
      isShown = show(answer, new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      if (!asking.signal.aborted) doubt("Not up to date: the program that serves the page does not answer");
    } finally {
      clearTimeout(slow);
    }
    isAsked ||= !isShown && !document.hidden;
    // A cluster in which all changes at once is drawn twice a second.
    await new Promise((done) => setTimeout(done, isShown ? 500 : asking.signal.aborted ? 0 : AGAIN));
  }
  isRefreshing = false;
}

// A page that is gone is taken as well as one that is there; of any other answer only why it is not the page.
function show(answer, page) {
  if (!answer.ok && answer.status !== 404) {
    doubt(`Not up to date: ${page.querySelector("main .problem")?.textContent ?? answer.statusText}`);
    return false;
  }
  take(page);
  document.body.toggleAttribute("data-stale", page.body.hasAttribute("data-stale"));
  const address = page.body.dataset.events;
  // It is followed from now on, or no more.
  const isTurned = follows(address) !== follows(events) && answer.ok;
  if (isTurned) {
    leave();
    [events, version] = [address, null];
  }
  settle();
  if (isTurned) listen();
  return true;
}

// Listens to the program, which says first who it is.
function listen() {
  const address = new URL(events, location.href);
  if (version !== null) address.searchParams.set("version", version);
  const opened = new EventSource(address);
  source = opened;
  // Once it is known an answer is as good when it is late: a page that is seen again is held until then.
  late = setTimeout(() => doubt("The program that serves the page does not answer"), PATIENCE);
  let isKnown = false;
  opened.addEventListener("hello", (event) => {
    if (source !== opened) return;
    clearTimeout(late);
    if (event.data !== PROOF) return end();
    isKnown = true;
    breaks = 0;
    const isNew = !main.inert && !isDoubted;
    hold(false);
    if (isNew || !isFollowed) settle();
    else refresh();
  });
  opened.addEventListener("change", (event) => {
    version = event.data;
    if (isKnown) refresh();
  });
  opened.addEventListener("error", () => {
    if (source !== opened) return;
    leave();
    hold(true);
    if (breaks === PAUSES.length) return end();
    wait();
    again = setTimeout(listen, PAUSES[breaks]);
    breaks += 1;
  });
}

// What stands there is not called live until it is known to be.
function wait() {
  if (["Live", "Read once a minute"].includes(live.textContent)) say("Asking whether this is still so");
}

// Asks for nothing more.
function leave() {
  clearTimeout(late);
  clearTimeout(again);
  source?.close();
  source = null;
  asking?.abort();
}

// A page that nobody sees holds no connection: a browser has six for all its pages together.
function attend() {
  if (isOver) return;
  leave();
  wait();
  breaks = 0;
  if (document.hidden) return;
  hold(true);
  listen();
}

if (!document.hidden) listen();
document.addEventListener("visibilitychange", attend);
// What is told by its distance in time is told anew.
setInterval(() => {
  if (source !== null) refresh();
}, 60_000);

// A token in a field that becomes part of an address would stay in the history of the browser.
document.querySelector("form.filter")?.addEventListener("submit", (event) => {
  for (const field of event.target.querySelectorAll("input")) {
    if (!TOKEN.test(field.value)) continue;
    event.preventDefault();
    field.value = "";
    field.focus();
    document.getElementById("refused").textContent =
      "What looks like a token was taken out of the field and is sent nowhere: Connect a token has a field for it";
  }
});

// A token does not stay in its field: not after the form was sent, nor when the browser shows an old page again. While the form is on its
// way nothing is sent again: a browser would drop what it has sent first, wherever the program is with it.
for (const form of document.querySelectorAll("form[data-secret]")) {
  let isSent = false;
  const turn = (isOff) => {
    isSent = isOff;
    for (const button of form.querySelectorAll("button")) button.disabled = isOff;
    for (const field of form.querySelectorAll("input[type=password]")) field.value = "";
    for (const place of form.querySelectorAll("[data-progress]")) place.textContent = isOff ? "GitHub is asked …" : "";
  };
  form.addEventListener("submit", (event) => {
    if (isSent) return event.preventDefault();
    isSent = true;
    // The browser has taken the fields by then, and which button was pressed.
    setTimeout(() => turn(true), 0);
  });
  window.addEventListener("pageshow", () => turn(false));
}
document.getElementById("rejected")?.focus();
// The answer to a form stands in the history with what was sent: loaded anew, it would be sent once more, to whoever answers by then.
history.replaceState(null, "", location.href);
