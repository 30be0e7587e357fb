// @ts-check
/* What makes the pages live. Without it they work, too: every form has a button, and every state is an address.

   A form or link of the page is fetched instead of followed; what comes back is the whole page, of which the content is
   put in place. Its address becomes that of the window, so Back works, and every state can be sent. */

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const told = /** @type {HTMLElement} */ (document.getElementById("told"));
let depth = 0;
let asked = 0;
/** @type {number | undefined} */
let telling;

document.documentElement.classList.add("scripted");

/** Ask for a page, and show it; of several the last one wins.
 * @param {string} address
 * @param {RequestInit} how
 * @param {boolean} isNew whether the window's address follows */
async function go(address, how = {}, isNew = true) {
  const number = ++asked;
  main.classList.add("slow");
  /** @type {Response} */
  let answer;
  try {
    answer = await fetch(address, { ...how, headers: { "x-part": "1" }, credentials: "same-origin" });
  } catch {
    if (number === asked) {
      main.classList.remove("slow");
      tell(told.dataset.away ?? "");
    }
    return;
  }
  const text = await answer.text();
  if (number !== asked) return;
  if (answer.status === 401) {
    location.assign(`/sign-in?to=${encodeURIComponent(location.pathname + location.search)}`);
    return;
  }
  if (isNew && answer.ok && answer.url !== location.href) {
    history.pushState({ depth: ++depth }, "", answer.url);
  }
  place(text);
}

/** Put the content of a page in place; what was looked at stays looked at.
 * @param {string} text */
function place(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const content = page.getElementById("main");
  if (!content) return;
  const focused = focusOf();
  const opened = openCard();
  const scrolled = [...main.querySelectorAll("section, .rows, .in")].map((part) => [part.className, part.scrollTop]);
  const sought = [...main.querySelectorAll("input[data-find]")].map((field) => /** @type {HTMLInputElement} */ (field).value);
  main.replaceChildren(...content.childNodes);
  main.classList.remove("slow");
  document.title = page.title;
  document.querySelector(".top .end")?.replaceWith(/** @type {Node} */ (page.querySelector(".top .end")));
  for (const [name, top] of scrolled) {
    const part = [...main.querySelectorAll("section, .rows, .in")].find((each) => each.className === name);
    if (part) part.scrollTop = Number(top);
  }
  main.querySelectorAll("input[data-find]").forEach((field, index) => {
    /** @type {HTMLInputElement} */ (field).value = sought[index] ?? "";
    find(/** @type {HTMLInputElement} */ (field));
  });
  refocus(openCard() === opened ? focused : null);
  dress();
}

/** @returns {string | null} the path of the card that is open */
function openCard() {
  return main.querySelector(".choose")?.closest("[data-card]")?.getAttribute("data-card") ?? null;
}

/** @returns {string | null} a selector of what has the focus */
function focusOf() {
  const it = document.activeElement;
  if (!(it instanceof HTMLElement) || !main.contains(it)) return null;
  if (it.id) return `#${CSS.escape(it.id)}`;
  const card = it.closest("[data-card]")?.getAttribute("data-card");
  const within = card ? `[data-card="${card}"] ` : "";
  const name = it.getAttribute("name");
  if (name) {
    const value = it.getAttribute("value");
    return `${within}[name="${name}"]${value ? `[value="${CSS.escape(value)}"]` : ""}`;
  }
  return card ? `${within}.tok` : null;
}

/** @param {string | null} selector */
function refocus(selector) {
  const opened = main.querySelector(".choose");
  const before = selector ? main.querySelector(selector) : null;
  if (before instanceof HTMLElement) {
    before.focus({ preventScroll: true });
  } else if (opened) {
    const first = opened.querySelector("select, input:not([type=hidden])");
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
    opened.scrollIntoView({ block: "nearest" });
  }
}

/** Say something to those who listen, after a rest.
 * @param {string} text */
function tell(text) {
  clearTimeout(telling);
  telling = setTimeout(() => (told.textContent = text), 600);
}

/** Make what was put in place work. */
function dress() {
  const undo = main.querySelector("[data-undo]");
  if (undo instanceof HTMLButtonElement) undo.disabled = depth === 0;
  const count = main.querySelector("[data-tell]");
  if (count) tell(count.getAttribute("data-tell") ?? "");
  for (const card of main.querySelectorAll("article[data-card], .leaf[data-card]")) {
    card.setAttribute("draggable", "true");
  }
}

/** Show of a list what has all words.
 * @param {HTMLInputElement} field */
function find(field) {
  const list = document.getElementById(field.dataset.find ?? "");
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const line of list?.querySelectorAll("li") ?? []) {
    line.hidden = !words.every((word) => (line.dataset.words ?? "").includes(word));
  }
}

/** Send a form, and show what comes back.
 * @param {HTMLFormElement} form
 * @param {HTMLElement | null} button */
function send(form, button) {
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) data.append(name, String(value));
  if (button instanceof HTMLButtonElement && button.name) data.append(button.name, button.value);
  if (!data.has("do")) {
    const first = form.querySelector("button[name=do]");
    if (first instanceof HTMLButtonElement) data.append("do", first.value);
  }
  void go(form.action, { method: "POST", body: data });
}

/** Do something with a card, as its menu does.
 * @param {Element} card
 * @param {string} action
 * @param {Record<string, string>} more */
function act(card, action, more = {}) {
  const form = card.querySelector("form[data-live]");
  if (!(form instanceof HTMLFormElement)) return;
  const data = new URLSearchParams();
  for (const name of ["token", "place", "criteria", "name", "version"]) {
    const field = form.elements.namedItem(name);
    data.append(name, field instanceof HTMLInputElement ? field.value : "");
  }
  data.append("do", `${action}:${card.getAttribute("data-card")}`);
  for (const [name, value] of Object.entries(more)) data.append(name, value);
  void go("/build", { method: "POST", body: data });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form instanceof HTMLFormElement && form.matches("[data-live]")) {
    event.preventDefault();
    send(form, event.submitter);
  }
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (!(field instanceof HTMLElement)) return;
  const form = field.closest("form[data-live]");
  if (form instanceof HTMLFormElement && !form.matches(".jsonform")) send(form, null);
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.dataset.find) find(event.target);
});

document.addEventListener("click", (event) => {
  const clicked = event.target instanceof Element ? event.target : null;
  for (const menu of document.querySelectorAll("details.more[open], details.addhere[open], details.menu[open]")) {
    if (!clicked || !menu.contains(clicked)) menu.removeAttribute("open");
  }
  if (clicked?.closest("[data-undo]")) history.back();
  const link = clicked?.closest("a[data-part], a[data-close]");
  if (link instanceof HTMLAnchorElement && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    void go(link.href);
  }
});

document.addEventListener("keydown", (event) => {
  const at = event.target instanceof HTMLElement ? event.target : null;
  const isTyping = at?.matches("input:not([type=checkbox]), textarea, select") ?? false;
  if (event.key === "/" && !isTyping) {
    const field = main.querySelector("[data-find]");
    if (field instanceof HTMLElement) {
      event.preventDefault();
      field.focus();
    }
  }
  if (event.key === "Escape") {
    const close = main.querySelector("[data-close]");
    const menu = document.querySelector("details.more[open], details.addhere[open]");
    if (menu) {
      menu.removeAttribute("open");
      menu.querySelector("summary")?.focus();
    } else if (close instanceof HTMLAnchorElement) {
      const card = close.closest("[data-card]")?.getAttribute("data-card");
      void go(close.href).then(() => document.getElementById(`open-${card}`)?.focus());
    }
  }
  const card = at?.closest("[data-card]");
  if (!card || isTyping) return;
  const moves = /** @type {Record<string, string>} */ ({ ArrowUp: "up", ArrowDown: "down", ArrowRight: "group", ArrowLeft: "out" });
  if (event.altKey && moves[event.key]) {
    event.preventDefault();
    act(card, moves[event.key]);
  } else if (event.key === "Delete") {
    act(card, "remove");
  } else if (event.key === "d" && event.ctrlKey) {
    event.preventDefault();
    act(card, "copy");
  }
});

document.addEventListener("dragstart", (event) => {
  const card = event.target instanceof Element ? event.target.closest("[data-card]") : null;
  if (card && event.dataTransfer) event.dataTransfer.setData("text/plain", card.getAttribute("data-card") ?? "");
});
document.addEventListener("dragover", (event) => {
  const card = event.target instanceof Element ? event.target.closest("[data-card]") : null;
  for (const each of main.querySelectorAll(".drop")) each.classList.remove("drop");
  if (card) {
    event.preventDefault();
    card.classList.add("drop");
  }
});
document.addEventListener("drop", (event) => {
  const into = event.target instanceof Element ? event.target.closest("[data-card]") : null;
  const from = event.dataTransfer?.getData("text/plain") ?? "";
  const target = into?.getAttribute("data-card") ?? "";
  const card = main.querySelector(`[data-card="${CSS.escape(from)}"]`);
  for (const each of main.querySelectorAll(".drop")) each.classList.remove("drop");
  if (!into || !card || from === target) return;
  event.preventDefault();
  act(card, "join", { into: target });
});

addEventListener("popstate", (event) => {
  depth = event.state?.depth ?? 0;
  void go(location.href, {}, false);
});

dress();

/* Import: a file that is chosen is read here, and its text is put where it could be pasted. */
document.addEventListener("change", async (event) => {
  const field = event.target;
  if (!(field instanceof HTMLInputElement) || !field.dataset.into) return;
  const into = document.getElementById(field.dataset.into);
  const file = field.files?.[0];
  if (into instanceof HTMLTextAreaElement && file) into.value = await file.text();
});

/* Runs and Result: lists are asked for by links and forms, what is not ready yet is asked for again. */

/** @type {number | undefined} */
let again;

/** Ask for the page that a form with `method="get"` means.
 * @param {HTMLFormElement} form */
function ask(form) {
  const data = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value !== "") data.append(name, String(value));
  void go(`${form.action}?${data}`);
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form instanceof HTMLFormElement && form.matches("[data-get]")) {
    event.preventDefault();
    ask(form);
  }
});

document.addEventListener("change", (event) => {
  const field = event.target;
  const form = field instanceof HTMLElement ? field.closest("form[data-get]") : null;
  if (form instanceof HTMLFormElement && !(field instanceof HTMLElement && field.matches("[data-search]"))) ask(form);
});

document.addEventListener("keydown", (event) => {
  const at = event.target instanceof HTMLElement ? event.target : null;
  if (at?.matches("input, textarea, select") || event.altKey || event.ctrlKey || event.metaKey) return;
  const link = /^[jk]$/.test(event.key) ? main.querySelector(`a[data-key="${event.key}"]`) : null;
  if (link instanceof HTMLAnchorElement) void go(link.href);
});

/** The drawer takes the focus when it opens, and gives it back when it closes.
 * @type {string | null} */
let opener = null;
let isOpen = false;
/** @type {string | null} the part that a link leads to */
let sought = null;

document.addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("tr.r a[data-part], .gallery a[data-part]") : null;
  if (link) opener = link.getAttribute("href");
  sought = (event.target instanceof Element ? event.target.closest("[data-to]")?.getAttribute("data-to") : null) ?? null;
}, true);

function dressRun() {
  clearTimeout(again);
  const waiting = main.querySelector("[data-again]");
  if (waiting instanceof HTMLElement) {
    again = setTimeout(() => {
      if (document.activeElement?.matches("main input[type=search]")) dressRun();
      else void go(location.href, {}, false);
    }, Number(waiting.dataset.again));
  }
  const drawer = main.querySelector("[data-drawer]");
  if (drawer instanceof HTMLElement) {
    if (!drawer.contains(document.activeElement)) drawer.focus({ preventScroll: true });
  } else if (isOpen && opener) {
    const row = [...main.querySelectorAll("a[data-part]")].find((each) => each.getAttribute("href") === opener);
    if (row instanceof HTMLElement) row.focus({ preventScroll: true });
  }
  isOpen = drawer !== null;
  if (sought) document.getElementById(sought)?.scrollIntoView();
  sought = null;
}

new MutationObserver(dressRun).observe(main, { childList: true });
dressRun();
