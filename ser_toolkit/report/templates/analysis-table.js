// The table of files: filters, order, pages, and walking by keyboard.
const PAGE = 50;
const state = { found: [], page: 0, sort: "file", down: false, group: null };
const texts = [];
let returnFocus = null;

const columns = [
  { name: "file", title: "file", key: (f) => f, cell: fileCell },
  { name: "emotion", title: labels.length ? "emotion" : "result", key: (f) => (files.predicted[f] === null ? "\uffff" : labelOf(files.predicted[f])), cell: emotionCell },
  ...(config.labelled ? [{ name: "truth", title: "truth", key: (f) => files.truth[f] ?? "\uffff", cell: truthCell }] : []),
  ...(labels.length ? [
    { name: "confidence", title: "confidence", key: (f) => confidence(f) ?? -1, first: true, cell: (f) => (files.p[f] ? percent(confidence(f)) : ""), number: true },
    { name: "mix", title: "probabilities", cell: (f) => (files.p[f] ? mixBar(files.p[f], files.p[f].reduce((a, b) => a + b, 0)) : "") },
  ] : []),
  ...config.dimensions.map(({ name }, i) => ({ name: `dimension-${i}`, title: name, key: (f) => files.values[f]?.[i] ?? -Infinity, first: true, cell: (f) => (files.values[f] ? files.values[f][i].toFixed(2) : ""), number: true })),
  { name: "length", title: "length", key: (f) => files.ms[f] ?? -1, first: true, cell: (f) => (files.ms[f] === null ? "" : lasting(files.ms[f] / 1000)), number: true },
  { name: "notes", title: "notes", key: (f) => [files.reason[f], ...files.notes[f]].filter(Boolean).join(", ") || "\uffff", cell: (f) => make("span", { class: "one soft", title: files.notes[f].join(", "), text: files.notes[f].join(", ") }) },
];

function fileCell(file) {
  const [folder, name] = nameOf(file);
  return make("span", { class: "name", title: files.file[file].slice(0, 500) }, make("span", { class: "dir", text: folder }), make("span", { class: "base", text: name }));
}

function emotionCell(file) {
  if (files.status[file] !== "ok") return make("span", { class: `tag ${files.status[file]}`, text: files.reason[file] || files.status[file] });
  const list = members(file);
  return make("span", { class: "emotion", title: list.map(labelOf).join(" ~ ") }, ...emotions(list));
}

function truthCell(file) {
  if (files.truth[file] === null) return "";
  const sign = { true: ["✓ ", "is-right"], false: ["✗ ", "is-wrong"] }[files.right[file]];
  return make("span", { class: "emotion" }, sign ? make("span", { class: sign[1], text: sign[0], role: "img", "aria-label": files.right[file] ? "right:" : "wrong:" }) : null, files.truth[file]);
}

function textOf(file) {
  return (texts[file] ??= [files.file[file], files.status[file], files.reason[file], files.detail[file], ...files.notes[file], ...members(file).map(labelOf), config.labelled ? `${files.truth[file] ?? ""}\n${files.speaker[file] ?? ""}` : ""].join("\n").toLowerCase());
}

function groupOf(file, kind) {
  if (kind === "speaker") return files.speaker[file];
  return files.file[file].slice(0, Math.max(0, files.file[file].lastIndexOf("/")));
}

const field = (id) => document.getElementById(id)?.value ?? "";

function filter() {
  const words = field("search").toLowerCase().split(/\s+/).filter(Boolean);
  const emotion = field("by-emotion"), certainty = field("by-certainty"), status = field("by-status"), note = field("by-note");
  const wrong = document.getElementById("wrong")?.checked ?? false;
  const wanted = emotion === "" ? null : emotion === config.uncertain && !labels.includes(emotion) ? -1 : labels.indexOf(emotion);
  state.found = [];
  for (let f = 0; f < files.n; f++) {
    if (wanted !== null && files.predicted[f] !== wanted) continue;
    if (certainty && (files.set[f] === null || (files.set[f].length > 1) !== (certainty === "several"))) continue;
    if (status && files.status[f] !== status) continue;
    if (note && files.reason[f] !== note && !files.notes[f].includes(note)) continue;
    if (wrong && files.right[f] !== false) continue;
    if (state.group && groupOf(f, state.group.kind) !== state.group.value) continue;
    if (words.length && !words.every((word) => textOf(f).includes(word))) continue;
    state.found.push(f);
  }
  const active = words.length || emotion || certainty || status || note || wrong || state.group;
  document.getElementById("clear").hidden = !active;
  const pill = document.getElementById("group-filter");
  pill.hidden = !state.group;
  if (state.group) pill.textContent = `${state.group.kind}: ${state.group.shown} ×`;
  document.getElementById("count").textContent = active ? `${state.found.length.toLocaleString("en-GB")} of ${count(files.n, "file")}` : count(files.n, "file");
  sort();
}

function sort() {
  const { key } = columns.find((column) => column.name === state.sort);
  const sign = state.down ? -1 : 1;
  const keyed = state.found.map((f) => [key(f), f]);
  keyed.sort(([a, f], [b, g]) => sign * (a < b ? -1 : a > b ? 1 : 0) || f - g);
  state.found = keyed.map(([, f]) => f);
  state.page = 0;
  showHead();
  showPage();
}

function showHead() {
  document.getElementById("table-head").replaceChildren(make("tr", { role: "row" }, ...columns.map((column) => {
    const sorted = column.name === state.sort;
    const attributes = { scope: "col", role: "columnheader", class: `col-${column.name}${column.number ? " num" : ""}`, "aria-sort": sorted ? (state.down ? "descending" : "ascending") : null };
    if (!column.key) return make("th", { ...attributes, text: column.title });
    const button = make("button", { type: "button", "data-sort": column.name }, column.title, make("span", { "aria-hidden": "true", text: sorted ? (state.down ? "▾" : "▴") : "" }));
    button.addEventListener("click", () => {
      state.down = sorted ? !state.down : Boolean(column.first);
      state.sort = column.name;
      sort();
      document.querySelector(`[data-sort="${column.name}"]`).focus();
    });
    return make("th", attributes, button);
  })));
}

function showPage(focus = null) {
  const from = state.page * PAGE, shown = state.found.slice(from, from + PAGE);
  const body = document.getElementById("table-body");
  body.replaceChildren(...shown.map((f, i) => make("tr", { role: "row", tabindex: i === 0 ? "0" : "-1", "data-file": f, "aria-rowindex": from + i + 2 },
    ...columns.map((column) => make("td", { role: "gridcell", class: `col-${column.name}${column.number ? " num" : ""}` }, column.cell(f))))));
  if (!shown.length) body.append(make("tr", { role: "row", class: "empty" }, make("td", { role: "gridcell", colspan: columns.length, text: "No file fits these filters." })));
  document.getElementById("table").setAttribute("aria-rowcount", state.found.length + 1);
  document.getElementById("pages").hidden = state.found.length <= PAGE;
  document.getElementById("page").textContent = `${(from + 1).toLocaleString("en-GB")}–${(from + shown.length).toLocaleString("en-GB")} of ${state.found.length.toLocaleString("en-GB")}`;
  document.getElementById("previous").disabled = !from;
  document.getElementById("next").disabled = from + PAGE >= state.found.length;
  if (focus !== null) focusRow(body.children[Math.min(focus, shown.length - 1)]);
}

function focusRow(row) {
  if (!row?.dataset.file) return;
  for (const other of row.parentElement.children) other.tabIndex = other === row ? 0 : -1;
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

function turn(step, focus = null) {
  const to = state.page + step;
  if (to < 0 || to * PAGE >= state.found.length) return false;
  state.page = to;
  showPage(focus);
  return true;
}

function shownFiles() {
  return state.found;
}

// Where the reader was before a file was opened; walking in the panel moves the table along.
function returnTo(file) {
  const at = state.found.indexOf(file);
  if (returnFocus?.isConnected) {
    returnFocus.focus();
  } else if (at >= 0) {
    state.page = Math.floor(at / PAGE);
    showPage(at % PAGE);
  }
  returnFocus = null;
}

function walkRows(event) {
  const row = event.target.closest("tr[data-file]");
  if (!row || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = row.parentElement.children;
  const actions = {
    ArrowDown: () => (row.nextElementSibling ? focusRow(row.nextElementSibling) : turn(1, 0)),
    ArrowUp: () => (row.previousElementSibling ? focusRow(row.previousElementSibling) : turn(-1, PAGE - 1)),
    Home: () => focusRow(rows[0]),
    End: () => focusRow(rows[rows.length - 1]),
    PageDown: () => turn(1, 0) || focusRow(rows[rows.length - 1]),
    PageUp: () => turn(-1, 0) || focusRow(rows[0]),
    Enter: () => openFile(Number(row.dataset.file)),
    " ": () => openFile(Number(row.dataset.file)),
  };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
}

function fill(id, values) {
  const select = document.getElementById(id);
  for (const [value, text] of values) select.append(make("option", { value, text }));
  select.closest("label").hidden = values.length < 2;
}

// A count on the page leads to just the files that it counts.
function choose(kind, value, shown) {
  document.getElementById("filters").reset();
  state.group = null;
  const select = document.getElementById(`by-${kind}`);
  if (select) select.value = value;
  else state.group = { kind, value, shown };
  filter();
  document.getElementById("files").scrollIntoView();
  document.getElementById("search").focus({ preventScroll: true });
}

function startTable() {
  const occurring = [...new Set(files.predicted)].filter((i) => i !== null);
  fill("by-emotion", [...labels.keys(), -1].filter((i) => occurring.includes(i)).map((i) => [labelOf(i), labelOf(i)]));
  fill("by-certainty", config.sets ? [["one", "one emotion"], ["several", "several"]] : []);
  fill("by-status", ["ok", "skipped", "failed"].filter((s) => files.status?.includes(s)).map((s) => [s, s]));
  fill("by-note", [...config.notes, ...config.reasons].map((s) => [s, s]));
  document.getElementById("by-note").closest("label").hidden = !config.notes.length && !config.reasons.length;
  const form = document.getElementById("filters");
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("clear").addEventListener("click", () => {
    form.reset();
    state.group = null;
    filter();
    document.getElementById("search").focus();
  });
  document.getElementById("group-filter").addEventListener("click", () => {
    state.group = null;
    filter();
  });
  document.getElementById("previous").addEventListener("click", () => turn(-1));
  document.getElementById("next").addEventListener("click", () => turn(1));
  const body = document.getElementById("table-body");
  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-file]");
    if (!row) return;
    focusRow(row);
    openFile(Number(row.dataset.file));
  });
  body.addEventListener("keydown", walkRows);
  for (const button of document.querySelectorAll("[data-filter]")) {
    button.addEventListener("click", () => choose(button.dataset.filter, button.dataset.value, button.textContent.trim()));
  }
  filter();
}
