// Live fragments: htmx asks for them every ten seconds while the page can be seen; this keeps the small word "Live" honest.
const OLD_AFTER_MS = 25_000;

function age(mark) {
  const seconds = Math.max(0, Math.round((Date.now() - mark.at) / 1000));
  const stale = Date.now() - mark.at > OLD_AFTER_MS;
  mark.element.classList.toggle("live--stale", stale);
  mark.element.textContent = stale ? `Last update ${seconds} s ago, reconnecting` : "Live";
}

export function startLive() {
  const element = document.querySelector("[data-live]");
  if (!element) return;
  const mark = { element, at: Date.now() };
  document.addEventListener("htmx:afterOnLoad", () => {
    mark.at = Date.now();
    age(mark);
  });
  document.addEventListener("visibilitychange", () => {
    // A page in the background asks nothing; it is behind until the next answer.
    if (!document.hidden) window.htmx?.trigger(document.body, "seen");
  });
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
  });
  setInterval(() => document.hidden || age(mark), 5000);
  // An answer that was overtaken by a newer one is dropped; ticked rows and open menus are left alone.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const target = event.detail.target;
    const got = Number(event.detail.xhr.getResponseHeader("X-Fragment-Version") || 0);
    const have = Number(target.dataset?.version || 0);
    const busy = target.querySelector?.(".pick input:checked, [data-at], details[open]");
    if ((got && got < have) || busy) event.detail.shouldSwap = false;
  });
}
