// Files can be dropped anywhere on the upload field. Without this script, the browser's own file field is used.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.querySelector(".drop");
  if (!field) return;
  const input = field.querySelector("input[type=file]");
  const mark = (over) => field.classList.toggle("over", over);
  field.addEventListener("dragover", (event) => { event.preventDefault(); mark(true); });
  field.addEventListener("dragleave", () => mark(false));
  field.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    input.files = event.dataTransfer.files;
  });
});

// Pressing "/" moves to the search box, unless the user is typing in a field.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, [contenteditable]")) return;
  const box = document.querySelector("#site-search");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});

// Lists: "select all", the number of selected suppliers, and menus that close. Without this script, suppliers are ticked one by one.
document.documentElement.classList.add("scripted");
const countSelected = () => {
  const all = document.querySelector("#select-all");
  if (!all) return;
  const picks = [...document.querySelectorAll(".pick")];
  const selected = picks.filter((pick) => pick.checked).length;
  const count = document.querySelector(".bulk-count b");
  if (count) count.textContent = selected;
  all.checked = selected === picks.length;
  all.indeterminate = selected > 0 && selected < picks.length;
};
document.addEventListener("change", (event) => {
  if (event.target.id === "select-all") document.querySelectorAll(".pick").forEach((pick) => { pick.checked = event.target.checked; });
  if (event.target.matches("#select-all, .pick")) countSelected();
});
document.addEventListener("reset", () => setTimeout(countSelected));
window.addEventListener("pageshow", countSelected);
document.addEventListener("keydown", (event) => {
  // Pressing Enter on a checkbox moves to the buttons above the list, so that users need not tab through all the rows to reach them.
  if (event.key === "Enter" && event.target.matches(".pick")) {
    event.preventDefault();
    document.querySelector("#selection button:not([disabled])")?.focus();
  }
  const menu = event.key === "Escape" && event.target.closest(".menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  document.querySelectorAll(".menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
});

// After a list was sorted, its header has the focus again. Without this script, the page starts at its top.
const SORTED = "sorted-by";
document.addEventListener("click", (event) => {
  const link = event.target.closest("thead a");
  if (link) sessionStorage.setItem(SORTED, link.closest("th").cellIndex);
});
document.addEventListener("DOMContentLoaded", () => {
  const column = sessionStorage.getItem(SORTED);
  sessionStorage.removeItem(SORTED);
  if (column) document.querySelector("main thead tr")?.cells[column]?.querySelector("a")?.focus();
});

// Pairs of suppliers are decided by keyboard: j and k move, y and n press the button with that key. Without this script, by Tab.
const findPair = (step) => {
  const pairs = [...document.querySelectorAll(".pair")];
  const current = pairs.findIndex((pair) => pair.contains(document.activeElement));
  return pairs[Math.min(Math.max(current + step, 0), pairs.length - 1)];
};
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, [contenteditable]")) return;
  const step = { j: 1, k: -1, y: 0, n: 0 }[event.key];
  const pair = step === undefined ? null : findPair(step);
  if (!pair) return;
  event.preventDefault();
  const button = pair.querySelector(`[data-key="${event.key}"]`);
  if (button) button.click();
  else pair.focus();
});
document.addEventListener("DOMContentLoaded", () => document.querySelector(".pair")?.focus());
