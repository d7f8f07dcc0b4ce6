// Sends the file of a form in pieces (tus 1.0), so that a broken line costs one piece. Without this, the form sends it at once.
const FIRST = 256 * 1024, LEAST = 32 * 1024, MOST = 4 * 1024 * 1024; // bytes of a piece
const SECONDS = 5; // that a piece should take
const LONGEST = 30; // seconds between attempts
const PROTOCOL = { "Tus-Resumable": "1.0.0" };

class Refused extends Error {}

// Waits for some seconds, or until the browser says that there is a network again.
function pause(seconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, 1000 * seconds);
    addEventListener("online", resolve, { once: true });
  });
}

function readMemory(form) {
  try { return JSON.parse(sessionStorage.getItem(form.action)); } catch { return null; }
}

// Remembers an upload until the tab is closed, so that it goes on after the page was reloaded. The name of a file may be a worker's.
function remember(form, file, address, isComplete) {
  const memory = { size: file.size, modified: file.lastModified, address, isComplete };
  try { sessionStorage.setItem(form.action, JSON.stringify(memory)); } catch { /* not allowed in this browser */ }
}

async function call(method, address, headers, body) {
  const response = await fetch(address, { method, headers: { ...PROTOCOL, ...headers }, body });
  if ([404, 409, 410].includes(response.status) || response.ok) return response;
  if (response.status < 500 && response.status !== 429) throw new Refused(response.status);
  await pause(Number(response.headers.get("Retry-After")) || 0);
  throw new Error(response.status);
}

// Returns where an upload is and how far it has got: the one that is remembered, or a new one.
async function open(form, file) {
  const memory = readMemory(form);
  if (memory && memory.size === file.size && memory.modified === file.lastModified) {
    const found = await call("HEAD", memory.address);
    if (found.ok) return { address: memory.address, offset: Number(found.headers.get("Upload-Offset")) };
  }
  const created = await call("POST", form.dataset.uploads, { "Upload-Length": file.size });
  if (!created.ok) throw new Refused(created.status);
  const address = created.headers.get("Location");
  remember(form, file, address, false);
  return { address, offset: 0 };
}

// Sends a file piece by piece, however often the line breaks; returns the id of its upload.
async function sendFile(form, file, show) {
  let size = FIRST, wait = 1;
  for (;;) {
    try {
      const upload = await open(form, file);
      while (upload.offset < file.size) {
        show(form.dataset.sending, upload.offset / file.size);
        const began = performance.now();
        const headers = { "Upload-Offset": upload.offset, "Content-Type": "application/offset+octet-stream" };
        const taken = await call("PATCH", upload.address, headers, file.slice(upload.offset, upload.offset + size));
        if (!taken.ok) throw new Error(taken.status);
        upload.offset = Number(taken.headers.get("Upload-Offset"));
        const seconds = (performance.now() - began) / 1000;
        size = Math.round(Math.min(MOST, 2 * size, Math.max(LEAST, size * SECONDS / seconds)));
        wait = 1;
      }
      remember(form, file, upload.address, true);
      return upload.address.split("/").pop().split("?")[0];
    } catch (error) {
      if (error instanceof Refused) throw error;
      show(form.dataset.waiting);
      size = Math.max(LEAST, size / 2);
      await pause(wait);
      wait = Math.min(LONGEST, 2 * wait);
    }
  }
}

async function submit(event) {
  const form = event.target, file = form.elements.file.files[0];
  if (file.size <= FIRST) return;
  event.preventDefault();
  const [state, bar, button] = ["[role=status]", "progress", "button"].map((one) => form.querySelector(one));
  const show = (text, share) => {
    if (state.textContent !== text) state.textContent = text;
    if (share !== undefined) bar.value = share;
  };
  bar.hidden = false;
  button.disabled = true;
  try {
    form.elements.upload.value = await sendFile(form, file, show);
    form.elements.file.disabled = true;
  } catch {
    // What was refused is sent at once: the page says why.
  }
  bar.value = 1;
  form.submit();
}

for (const form of document.querySelectorAll("form[data-uploads]")) {
  form.addEventListener("submit", submit);
  if (readMemory(form)?.isComplete === false) form.querySelector("[role=status]").textContent = form.dataset.unfinished;
}
// A page that is shown again from the browser's memory would show a form that is being sent.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
