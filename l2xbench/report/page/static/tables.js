// Tables that sort, hints where something is pointed at, and the choice of a light or dark page.
"use strict";

for (const table of document.querySelectorAll("table.sortable")) {
  const row = table.tHead.rows[table.tHead.rows.length - 1];
  [...row.cells].forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sortTable(table, row, head, column));
  });
}

function sortTable(table, row, head, column) {
  // numbers start with the largest, names with the first
  const before = head.getAttribute("aria-sort");
  const first = head.classList.contains("number") ? "descending" : "ascending";
  const other = first === "ascending" ? "descending" : "ascending";
  const order = before === first ? other : first;
  for (const cell of row.cells) cell.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const sign = order === "ascending" ? 1 : -1;
  const body = table.tBodies[0];
  const numeric = head.classList.contains("number");
  const keyed = [...body.rows].map((line) => {
    const cell = line.cells[column];
    const known = cell.dataset.value !== undefined;
    return { line, known: numeric ? known : true, key: numeric ? valueOf(cell.dataset.value) : cell.textContent };
  });
  keyed.sort((a, b) => {
    if (!a.known || !b.known) return b.known - a.known; // what is not known comes last either way
    if (numeric) return a.key === b.key ? 0 : sign * (a.key < b.key ? -1 : 1);
    return sign * a.key.localeCompare(b.key, "en", { numeric: true });
  });
  body.append(...keyed.map((entry) => entry.line));
}

function valueOf(text) {
  return text === "inf" ? Infinity : text === "-inf" ? -Infinity : Number(text);
}

// Points of a chart lie on one another: all that are under the pointer tell theirs.
function near(of) {
  if (!of.matches(".hit")) return [of];
  const far = (one, axis) => Math.abs(one.getAttribute(axis) - of.getAttribute(axis));
  return [...of.closest("svg").querySelectorAll(".hit")].filter((one) => Math.hypot(far(one, "cx"), far(one, "cy")) < 9);
}

const tip = document.getElementById("tip");
document.addEventListener("pointerover", (event) => {
  const of = event.target.closest("[data-tip]");
  tip.hidden = !of;
  if (!of) return;
  tip.textContent = near(of).map((one) => one.dataset.tip).join("\n");
  const place = of.getBoundingClientRect();
  const left = Math.min(place.right + 6, document.documentElement.clientWidth - tip.offsetWidth - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, place.top - tip.offsetHeight - 4)}px`;
});

const theme = document.getElementById("theme");
const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const nameTheme = () => {
  theme.textContent = isDark() ? "Light page" : "Dark page";
};
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  nameTheme();
});
nameTheme();
