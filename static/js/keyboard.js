// Keys: "/" and Ctrl K search, "g" and a letter go somewhere, j k Enter x walk a list, "?" lists them all.
let prefix = "";

const typing = (target) => target instanceof Element && target.closest("input, select, textarea, [contenteditable], dialog[open]");
const rows = () => [...document.querySelectorAll("[data-row]")];

function walk(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.max(0, Math.min(at + step, all.length - 1))];
  next.querySelector("a").focus();
  next.scrollIntoView({ block: "nearest" });
}

function open(name) {
  const dialog = document.getElementById(name);
  if (dialog && !dialog.open) dialog.showModal();
}

function follow(name) {
  document.querySelector(`[data-key="${name}"]`)?.click();
}

const single = {
  "/": () => open("commands"),
  "?": () => open("shortcuts"),
  j: () => walk(1),
  k: () => walk(-1),
  x: () => document.activeElement.closest("[data-row]")?.querySelector(".pick input")?.click(),
  n: () => follow("n"),
  e: () => follow("e"),
  f: () => document.getElementById("filter")?.focus(),
};

function pressed(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open("commands");
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (document.documentElement.dataset.keys === "off") return;
  if (prefix === "g") {
    prefix = "";
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) window.location.assign(link.href);
    return;
  }
  if (event.key === "g") {
    prefix = "g";
    setTimeout(() => (prefix = ""), 1500);
  } else if (single[event.key]) {
    event.preventDefault();
    single[event.key]();
  }
}

export function startKeyboard() {
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-open]");
    if (opener) open(opener.dataset.open);
    // A click on the backdrop hits the dialog itself.
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });
  const query = document.getElementById("commands-query");
  query?.addEventListener("input", () => {
    const word = query.value.trim().toLowerCase();
    for (const item of document.querySelectorAll("#commands-pages li")) {
      item.hidden = Boolean(word) && !item.textContent.toLowerCase().includes(word);
    }
  });
  query?.form.addEventListener("submit", (event) => {
    const shown = [...document.querySelectorAll("#commands-pages li:not([hidden]) a")];
    if (query.value && shown.length === 1) {
      event.preventDefault();
      window.location.assign(shown[0].href);
    }
  });
}
