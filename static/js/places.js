// An ordered list of people grows by itself: whoever fills the free place gets another one.
export function startPlaces() {
  document.addEventListener("change", (event) => {
    const place = event.target.closest?.("[data-places] > li");
    if (!place || place.nextElementSibling || !event.target.value) return;
    const next = place.cloneNode(true);
    const [label, select] = [next.querySelector("label"), next.querySelector("select")];
    const number = place.parentElement.children.length;
    select.id = select.id.replace(/\d+$/, String(number));
    select.value = "";
    label.htmlFor = select.id;
    label.textContent = `Place ${number + 1}`;
    place.parentElement.append(next);
  });
}
