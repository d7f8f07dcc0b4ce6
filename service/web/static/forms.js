// Forms: a double click sends nothing twice, and what was typed survives a session that ended before it was sent.
// What was sent stays in this tab until the next page shows that it arrived. If a page asks the user to sign in instead, it is
// filled in again once the same user is back at the form. Without this script, it has to be typed again.
const DOUBLE_CLICK = 3000; // milliseconds, on a slow connection
const SENT = "form-sent";
const LOST = "form-lost";
const user = document.body.dataset.user;
const page = location.pathname + location.search;

const listFields = (form) => [...form.elements].filter((field) => field.name && field.matches(
  "textarea, select, input:not([type=hidden], [type=password], [type=file], [type=submit])"
));
const isChanged = (field) => field.value !== (field.defaultValue ?? field.value) || field.checked !== field.defaultChecked;
const keepSent = (form) => {
  const fields = listFields(form);
  if (!user || form.querySelector("[type=password]") || !fields.some(isChanged)) return;
  const values = fields.map((field) => [field.name, field.value, field.checked]);
  sessionStorage.setItem(SENT, JSON.stringify({ user, page, action: form.action, values }));
};
const fillIn = (lost) => {
  const form = [...document.querySelectorAll("main form")].find((one) => one.action === lost.action);
  if (!form) return;
  const open = lost.values.slice();
  for (const field of listFields(form)) {
    const isChoice = field.matches("[type=checkbox], [type=radio]");
    const at = open.findIndex(([name, value]) => name === field.name && (!isChoice || value === field.value));
    if (at < 0) continue;
    const [, value, checked] = open.splice(at, 1)[0];
    if (isChoice) field.checked = checked;
    else field.value = value;
  }
  for (let around = form.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  const note = document.createElement("p");
  note.className = "note";
  note.textContent = document.body.dataset.restored;
  document.querySelector(".said").append(note);
  form.scrollIntoView();
};

const lastSent = new WeakMap();
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  const button = event.submitter ?? form;
  if (event.timeStamp - (lastSent.get(button) ?? -DOUBLE_CLICK) < DOUBLE_CLICK) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  lastSent.set(button, event.timeStamp);
  if (form.closest("main")) keepSent(form);
  else sessionStorage.removeItem(LOST); // signing out
}, true);

document.addEventListener("DOMContentLoaded", () => {
  const sent = sessionStorage.getItem(SENT);
  sessionStorage.removeItem(SENT);
  if (!user || document.querySelector("[data-form-lost]")) {
    if (sent) sessionStorage.setItem(LOST, sent);
    return;
  }
  const lost = JSON.parse(sessionStorage.getItem(LOST));
  if (!lost || (lost.user === user && lost.page !== page)) return;
  sessionStorage.removeItem(LOST);
  if (lost.user === user) fillIn(lost);
});
