// Saves each answer as soon as it is given, one after another, by the form of its section. Without this, the form does it.
const form = document.getElementById("answers");
const state = document.getElementById("state");
let queue = Promise.resolve();

function readQuestion(box) {
  const id = box.dataset.question;
  const fields = new FormData(form);
  const sent = new FormData();
  for (const name of [`seen-${id}`, id]) for (const value of fields.getAll(name)) sent.append(name, value);
  return sent;
}

function showMessages(id, answer) {
  form.elements[`seen-${id}`].value = answer.seen;
  const box = document.querySelector(`#q-${CSS.escape(id)} .messages`);
  box.replaceChildren(...answer.messages.map((message) => {
    const line = document.createElement("p");
    line.className = message.is_problem ? "problem" : "hint";
    line.textContent = message.text;
    return line;
  }));
}

async function save(box) {
  state.textContent = form.dataset.saving;
  try {
    const response = await fetch(form.action, { method: "POST", body: readQuestion(box), headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(response.status);
    const saved = await response.json();
    for (const [id, answer] of Object.entries(saved.answers)) showMessages(id, answer);
    for (const each of form.querySelectorAll("[data-question]")) each.hidden = saved.hidden.includes(each.dataset.question);
    const open = document.getElementById("open");
    open.textContent = open.dataset.text.replace("{}", saved.open);
    state.textContent = form.dataset.saved;
  } catch {
    state.textContent = form.dataset.failed;
  }
}

form.addEventListener("change", (event) => {
  const box = event.target.closest("[data-question]");
  if (box) queue = queue.then(() => save(box));
});
// A page that was left and is shown again from the browser's memory knows neither its last answers nor those of others.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
