// The panel of one file: what was heard, when, and the sound itself.
const panel = document.getElementById("detail");
let opened = null;

function emotions(list) {
  const parts = [];
  list.forEach((index, i) => {
    if (i) parts.push(make("span", { class: "also", text: " ~ " }));
    parts.push(make("span", {}, swatch(index), labelOf(index)));
  });
  return parts;
}

function verdict(file) {
  if (files.status[file] !== "ok") {
    return make("p", { class: "verdict" }, make("span", { class: `tag ${files.status[file]}`, text: files.status[file] }), files.reason[file], make("small", { text: files.detail[file] }));
  }
  if (!labels.length) return null;
  const several = members(file).length > 1;
  const said = several ? "cannot be told apart" : `confidence ${percent(confidence(file))}`;
  return make("p", { class: "verdict" }, make("span", {}, ...emotions(members(file))), make("small", { text: said }));
}

function ranking(file) {
  const p = files.p[file];
  if (!p) return null;
  const order = p.map((_, i) => i).sort((a, b) => p[b] - p[a]);
  const rows = order.map((i) => {
    const bar = drawn("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn("rect", { class: classOf(i), width: p[i] / 10, height: 8 }));
    return make("tr", {}, make("th", { scope: "row" }, swatch(i), labels[i]), make("td", { class: "wide" }, bar), make("td", { class: "num" }, make("b", { text: `${(p[i] / 10).toFixed(1)} %` })));
  });
  const table = make("table", { class: "mix", "aria-label": "Probabilities, the likeliest first" }, make("tbody", {}, ...rows));
  return make("section", {}, make("h3", { text: "Probabilities" }), table);
}

function dimensions(file) {
  const values = config.dimensions.length ? files.values[file] : null;
  if (!values) return null;
  const rows = config.dimensions.map(({ name, low, high }, i) => {
    const share = Math.min(1, Math.max(0, (values[i] - low) / (high - low)));
    const bar = drawn("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" }, drawn("rect", { class: "plain", width: 100 * share, height: 8 }));
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: "wide" }, bar), make("td", { class: "num" }, make("b", { text: values[i].toFixed(2) })), make("td", { class: "num soft", text: `${low} to ${high}` }));
  });
  return make("section", {}, make("h3", { text: "Dimensions" }), make("table", { class: "mix", "aria-label": "Values of the dimensions" }, make("tbody", {}, ...rows)));
}

function facts(file) {
  const several = files.set[file];
  const truth = config.labelled ? files.truth[file] : null;
  const verdicts = new Map([[true, " (as predicted)"], [false, " (not what is predicted)"], [null, " (none of the model's emotions)"]]);
  const pairs = [
    ["true emotion", truth && truth + verdicts.get(files.right[file])],
    ["speaker", config.labelled ? files.speaker[file] : null],
    ["length", files.ms[file] === null ? null : lasting(files.ms[file] / 1000)],
    ["windows", files.windows[file] || null],
    ["set", several && several.map(labelOf).join(" ~ ")],
    ["uncertainty", files.entropy[file] === null ? null : `${(files.entropy[file] / 1000).toFixed(2)} of 1`],
    ["notes", files.notes[file].join(", ")],
    ["folder", config.folder],
  ].filter(([, value]) => value);
  if (!pairs.length) return null;
  return make("section", {}, make("h3", { text: "Facts" }), make("dl", { class: "pairs" }, ...pairs.map(([name, value]) => make("div", {}, make("dt", { text: name }), make("dd", { text: String(value) })))));
}

function player(file) {
  if (!files.link[file]) return null;
  const audio = make("audio", { controls: true, preload: "metadata", src: files.link[file], "aria-label": "Recording" });
  const problem = make("p", { class: "soft", hidden: true, text: "The recording cannot be played: it is no longer where it was beside this report, or this browser does not know its format." });
  audio.addEventListener("error", () => {
    problem.hidden = false;
    audio.hidden = true;
  });
  return { audio, element: make("div", {}, audio, problem) };
}

function closeParts() {
  opened?.timeline?.close();
  if (opened?.player) {
    opened.player.audio.pause();
    opened.player.audio.removeAttribute("src");
  }
  opened = null;
}

// Show a file; `from` is the order in which "previous" and "next" walk.
function openFile(file, from = shownFiles()) {
  closeParts();
  const at = from.indexOf(file);
  const [folder, name] = nameOf(file);
  const walk = (step, text) => make("button", { type: "button", class: "ghost", "data-walk": step, disabled: from[at + step] === undefined || at < 0, onclick: () => openFile(from[at + step], from), text });
  const sound = player(file);
  const over = timelineOf(file);
  const timeline = over && timelineSection(over, (seconds) => {
    if (sound && Number.isFinite(sound.audio.duration)) sound.audio.currentTime = Math.min(seconds, sound.audio.duration);
  });
  const position = at < 0 ? "" : `${(at + 1).toLocaleString("en-GB")} of ${from.length.toLocaleString("en-GB")}`;
  panel.replaceChildren(
    make("div", { class: "detail-head" },
      make("div", { class: "detail-bar" }, make("span", { text: position }), walk(-1, "Previous"), walk(1, "Next"), make("button", { type: "button", class: "ghost", id: "close", autofocus: true, onclick: () => panel.close(), text: "Close" })),
      make("h2", { id: "detail-name" }, make("span", { class: "dir", text: folder }), name)),
    make("div", { class: "detail-body" }, ...[verdict(file), sound?.element, timeline?.element, ranking(file), dimensions(file), facts(file)].filter(Boolean)),
  );
  opened = { file, player: sound, timeline };
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
  timeline?.show();
  if (sound && timeline) followSound(sound.audio, timeline);
}

function followSound(audio, timeline) {
  const step = () => {
    if (opened?.timeline !== timeline) return;
    timeline.place(audio.currentTime);
    if (!audio.paused && !audio.ended) requestAnimationFrame(step);
  };
  audio.addEventListener("play", () => requestAnimationFrame(step));
  audio.addEventListener("seeked", step);
}

function startDetail() {
  panel.addEventListener("close", () => {
    const file = opened?.file;
    closeParts();
    panel.replaceChildren();
    if (file !== undefined) returnTo(file);
  });
  // a click on the backdrop is a click on the dialog itself, outside its box
  panel.addEventListener("click", (event) => {
    if (event.target === panel && event.clientX < panel.getBoundingClientRect().left) panel.close();
  });
  panel.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || event.altKey || event.ctrlKey || event.metaKey || event.target.matches("audio, input")) return;
    panel.querySelector(`[data-walk="${step}"]`)?.click();
    panel.querySelector("#close").focus();
  });
  for (const button of document.querySelectorAll("[data-open]")) {
    button.addEventListener("click", () => {
      returnFocus = button;
      openFile(Number(button.dataset.open), [...button.closest("ol, tbody").querySelectorAll("[data-open]")].map((b) => Number(b.dataset.open)));
    });
  }
}
