// Prints, and marks every box of a name at once. All else works without scripts, or by htmx's attributes.
document.addEventListener("click", (event) => {
  if (event.target.closest("button[data-print]")) window.print();
  const button = event.target.closest("button[data-check]");
  if (!button) return;
  const boxes = button.form.querySelectorAll(`input[type=checkbox][name="${button.dataset.check}"]`);
  const mark = [...boxes].some((box) => !box.checked);
  boxes.forEach((box) => { box.checked = mark; });
});
