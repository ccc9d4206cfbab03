// Menus are <details>; script only closes them again, and sends forms whose choice is the whole act.
export function startMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field.matches?.("[data-submit]")) field.form.requestSubmit();
    if (field.matches?.("[data-pick-all]")) {
      for (const box of document.querySelectorAll('.pick [name="pick"]')) box.checked = field.checked;
    }
    for (const count of document.querySelectorAll("[data-picked]")) {
      count.textContent = document.querySelectorAll('.pick [name="pick"]:checked').length;
    }
  });
}
