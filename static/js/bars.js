// Uptime bars: what a day was like, on hover, on focus and with the arrow keys.
const tip = document.createElement("div");
tip.className = "tip";
tip.id = "bar-tip";
tip.setAttribute("role", "tooltip");
tip.hidden = true;

function show(bar, cell) {
  for (const other of bar.children) delete other.dataset.at;
  cell.dataset.at = "";
  tip.textContent = cell.dataset.tip;
  tip.hidden = false;
  const place = cell.getBoundingClientRect();
  const width = tip.offsetWidth;
  const middle = place.left + place.width / 2;
  // Kept inside the window: half its width from either edge.
  const left = Math.max(width / 2 + 8, Math.min(middle, document.documentElement.clientWidth - width / 2 - 8));
  tip.style.left = `${left + window.scrollX}px`;
  tip.style.top = `${bar.getBoundingClientRect().top + window.scrollY - tip.offsetHeight - 6}px`;
  tip.style.bottom = "auto";
}

function hide(bar) {
  for (const cell of bar.children) delete cell.dataset.at;
  tip.hidden = true;
}

function move(bar, event) {
  const cells = [...bar.children].filter((cell) => cell.offsetParent !== null);
  const at = cells.findIndex((cell) => "at" in cell.dataset);
  const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: cells.length - 1 };
  if (!(event.key in steps)) return;
  event.preventDefault();
  show(bar, cells[Math.max(0, Math.min(steps[event.key], cells.length - 1))]);
}

export function startBars() {
  document.body.append(tip);
  const barOf = (event) => (event.target instanceof Element ? event.target.closest("[data-bar]") : null);
  document.addEventListener("pointerover", (event) => {
    const bar = barOf(event);
    const cell = event.target.closest?.("[data-tip]");
    if (bar && cell) show(bar, cell);
  });
  document.addEventListener("pointerout", (event) => {
    const bar = barOf(event);
    if (bar && !bar.contains(event.relatedTarget) && bar !== document.activeElement) hide(bar);
  });
  document.addEventListener("focusin", (event) => {
    const bar = barOf(event);
    if (bar?.lastElementChild && event.target.matches(":focus-visible")) show(bar, bar.lastElementChild);
  });
  document.addEventListener("focusout", (event) => {
    const bar = barOf(event);
    if (bar) hide(bar);
  });
  document.addEventListener("keydown", (event) => {
    const bar = barOf(event);
    if (!bar) return;
    if (event.key === "Escape") hide(bar);
    else move(bar, event);
  });
}
