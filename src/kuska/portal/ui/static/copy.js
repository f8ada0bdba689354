// "Copy" beside codes that are shown once. Without this script they are read and written down, which works too.
"use strict";
for (const button of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const from = document.getElementById(button.dataset.copy);
    const lines = [...from.querySelectorAll("li")].map((line) => line.textContent.trim());
    await navigator.clipboard.writeText((lines.length ? lines : [from.textContent.trim()]).join("\n"));
    button.textContent = button.dataset.done;
  });
}
