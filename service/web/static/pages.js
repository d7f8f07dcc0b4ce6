// Files may be dropped anywhere on the field that takes them; without this script the field works as browsers do.
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
