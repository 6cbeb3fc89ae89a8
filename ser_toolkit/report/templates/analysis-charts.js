// Charts, in the colours of the page.
const charts = new Map();

function ink(name) {
  const probe = make("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour;
}

function axes() {
  const soft = ink("soft"), line = ink("line");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.color = soft;
  Chart.defaults.borderColor = line;
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  Chart.defaults.plugins.legend.display = false;
}

// Draw again whenever the theme changes.
function draw(canvas, configure) {
  charts.get(canvas)?.chart.destroy();
  axes();
  const chart = new Chart(canvas, configure());
  charts.set(canvas, { chart, configure });
  return chart;
}

function undraw(canvas) {
  charts.get(canvas)?.chart.destroy();
  charts.delete(canvas);
}

function redraw() {
  for (const [canvas, { configure }] of [...charts]) draw(canvas, configure);
}

function histogram(id, title, said) {
  const canvas = document.getElementById(id);
  if (!canvas) return;
  const { edges, counts } = config[id];
  const used = edges.slice(1).map((_, i) => counts.some((row) => row[i] > 0));
  const first = Math.max(0, used.indexOf(true)), last = used.lastIndexOf(true) + 1;
  draw(canvas, () => ({
    type: "bar",
    data: {
      labels: edges.slice(first, last).map((edge, i) => said(edge, edges[first + i + 1])),
      datasets: counts.map((row, i) => ({
        label: counts.length > 1 ? labels[i] : "files",
        data: row.slice(first, last),
        backgroundColor: counts.length > 1 ? config.colours[i] : ink("accent"),
        barPercentage: 1,
        categoryPercentage: 0.9,
        borderRadius: counts.length > 1 ? 0 : 2,
      })),
    },
    options: {
      scales: {
        x: { stacked: true, grid: { display: false }, border: { display: false }, ticks: { autoSkip: false, maxRotation: 0, font: { size: 11 }, callback(_, i) { return i % Math.ceil((last - first) / 6) ? "" : this.getLabelForValue(i); } } },
        y: { stacked: true, border: { display: false }, ticks: { precision: 0, maxTicksLimit: 5 } },
      },
      plugins: { tooltip: { mode: "index", filter: (item) => item.raw > 0, callbacks: { title: (items) => items.length ? `${title} ${items[0].label}` : "" } } },
    },
  }));
}

function span(from, to, unit) {
  return `${+from.toPrecision(4)}–${+to.toPrecision(4)} ${unit}`;
}

function drawOverview() {
  histogram("confidence", "confidence", (from, to) => span(100 * from, 100 * to, "%"));
  histogram("durations", "length", (from, to) => (to > 120 ? span(from / 60, to / 60, "min") : span(from, to, "s")));
}

function dark() {
  const set = document.documentElement.dataset.theme;
  return set ? set === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function setTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  const button = document.getElementById("theme");
  button.textContent = dark() ? "Light" : "Dark";
  button.setAttribute("aria-pressed", String(dark()));
  button.setAttribute("aria-label", dark() ? "Use light colours" : "Use dark colours");
  redraw();
}

function remembered(theme) {
  try {
    if (theme === undefined) return localStorage.getItem("ser-toolkit-theme");
    localStorage.setItem("ser-toolkit-theme", theme);
  } catch {
    // a browser may forbid pages from files to remember anything
  }
  return null;
}

function startTheme() {
  const stored = remembered();
  setTheme(stored === "dark" || stored === "light" ? stored : null);
  document.getElementById("theme").addEventListener("click", () => {
    const theme = dark() ? "light" : "dark";
    remembered(theme);
    setTheme(theme);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => setTheme(document.documentElement.dataset.theme));
  let before = null;
  addEventListener("beforeprint", () => {
    before = document.documentElement.dataset.theme ?? null;
    setTheme("light");
  });
  addEventListener("afterprint", () => setTheme(before));
}
