// What the page holds: columns over all files, and timelines that are read when a file is opened.
const config = JSON.parse(document.getElementById("config").textContent);
const labels = config.labels;
const files = { n: 0 };
const blocks = [];

function readRows() {
  for (const element of document.querySelectorAll("script.rows")) {
    const block = JSON.parse(element.textContent);
    blocks.push({ first: files.n, timelines: element.nextElementSibling });
    for (const [name, column] of Object.entries(block)) {
      const all = (files[name] ??= []);
      for (const value of column) all.push(value);
    }
    files.n += block.file.length;
    element.remove();
  }
}

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

// numbers are stored with the least byte first, whatever this machine does
function numbers(text, size) {
  const view = new DataView(bytes(text).buffer);
  return Float64Array.from({ length: view.byteLength / size }, (_, i) =>
    (size === 4 ? view.getUint32(4 * i, true) : view.getUint16(2 * i, true)) / 1000);
}

// Windows of a file, or null if it has none or one: starts and ends in seconds, probabilities row by row.
function timelineOf(file) {
  let block = blocks[0];
  for (const candidate of blocks) if (candidate.first <= file) block = candidate;
  block.read ??= JSON.parse(block.timelines.textContent);
  const packed = block.read[file];
  if (!packed) return null;
  return {
    n: packed.n,
    starts: numbers(packed.s, 4),
    ends: numbers(packed.e, 4),
    raw: numbers(packed.p, 2),
    smoothed: packed.m ? numbers(packed.m, 2) : null,
  };
}

// An element; text is only ever set as text.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function drawn(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function labelOf(index) {
  return index === -1 ? config.uncertain : labels[index];
}

function classOf(index) {
  return index < 0 ? "eu" : `e${index}`;
}

function swatch(index) {
  return make("i", { class: `swatch ${classOf(index)}` });
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function count(n, word, plural = "s") {
  return `${n.toLocaleString("en-GB")} ${word}${n === 1 ? "" : plural}`;
}

function clock(seconds, tenths = false) {
  const shown = tenths ? Math.floor(seconds * 10) / 10 : Math.floor(seconds);
  const hours = Math.floor(shown / 3600), minutes = Math.floor(shown / 60) % 60;
  const rest = (shown % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

function lasting(seconds) {
  return seconds < 60 ? `${seconds.toFixed(1)} s` : clock(seconds);
}

// Folder (without what all files share) and name.
function nameOf(file) {
  const cut = files.file[file].lastIndexOf("/") + 1;
  const from = config.folder && files.file[file].startsWith(`${config.folder}/`) ? config.folder.length + 1 : 0;
  return [files.file[file].slice(from, cut), files.file[file].slice(cut)];
}

function likeliest(file) {
  const p = files.p[file];
  return p ? p.indexOf(Math.max(...p)) : null;
}

function confidence(file) {
  return files.p[file] ? Math.max(...files.p[file]) / 1000 : null;
}

// The emotions to name: the set, or the predicted one.
function members(file) {
  return files.set[file] ?? (files.predicted[file] === null ? [] : [files.predicted[file]]);
}

function mixBar(shares, total) {
  const bar = drawn("svg", { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
  let x = 0;
  shares.forEach((share, i) => {
    bar.append(drawn("rect", { class: classOf(i), x, width: (100 * share) / total, height: 8 }));
    x += (100 * share) / total;
  });
  return bar;
}
