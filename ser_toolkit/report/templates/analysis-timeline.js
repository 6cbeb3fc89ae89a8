// Emotions of one recording over time: stacked areas, with a cursor that follows the sound and moves it.

// Points at the middles of windows, stretched to the first start and the last end.
function points(timeline, values, label) {
  const n = timeline.starts.length, found = [];
  for (let i = 0; i < n; i++) {
    const y = values[i * labels.length + label];
    if (i === 0) found.push({ x: timeline.starts[0], y });
    found.push({ x: (timeline.starts[i] + timeline.ends[i]) / 2, y });
    if (i === n - 1) found.push({ x: timeline.ends[i], y });
  }
  return found;
}

function areas(timeline, values, stepped) {
  return () => ({
    type: "line",
    data: {
      datasets: labels.map((label, i) => ({
        label,
        data: points(timeline, values, i),
        fill: i ? "-1" : "origin",
        backgroundColor: config.colours[i],
        borderColor: ink("panel"),
        borderWidth: 0.75,
        pointRadius: 0,
        pointHoverRadius: 0,
        stepped: stepped ? "middle" : false,
        tension: 0,
      })),
    },
    options: {
      parsing: false,
      normalized: true,
      events: ["mousemove", "mouseout"],
      interaction: { mode: "index", intersect: false },
      scales: {
        x: { type: "linear", min: timeline.starts[0], max: timeline.ends.at(-1), grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 18, callback: (s) => (timeline.ends.at(-1) < 10 ? `${+s.toFixed(1)} s` : clock(s)) } },
        y: { stacked: true, min: 0, max: 1, border: { display: false }, ticks: { stepSize: 0.5, callback: percent } },
      },
      plugins: { tooltip: { callbacks: { title: (items) => (items.length ? clock(items[0].parsed.x, true) : ""), label: (item) => `${item.dataset.label} ${percent(item.raw.y)}` } } },
    },
  });
}

// The window that a time falls into: the one whose middle is nearest.
function windowAt(timeline, seconds) {
  let best = 0;
  for (let i = 1; i < timeline.starts.length; i++) {
    const middle = (j) => Math.abs((timeline.starts[j] + timeline.ends[j]) / 2 - seconds);
    if (middle(i) < middle(best)) best = i;
  }
  return best;
}

function strongest(values, window) {
  const row = Array.from(values.subarray(window * labels.length, (window + 1) * labels.length));
  const label = row.indexOf(Math.max(...row));
  return { label, p: row[label] };
}

// Stretches with the same likeliest emotion; overlapping windows meet half way.
function stretches(timeline, values) {
  const found = [];
  for (let i = 0; i < timeline.starts.length; i++) {
    const { label } = strongest(values, i);
    const from = i ? (timeline.ends[i - 1] + timeline.starts[i]) / 2 : timeline.starts[0];
    if (found.length && found.at(-1).label === label) continue;
    if (found.length) found.at(-1).to = from;
    found.push({ label, from, to: timeline.ends.at(-1) });
  }
  return found;
}

// The section of a file's panel; `seek` is told where the reader wants to be.
function timelineSection(timeline, seek) {
  const most = 120, end = timeline.ends.at(-1), start = timeline.starts[0];
  const canvas = make("canvas", { "aria-hidden": "true" });
  const cursor = make("div", { class: "cursor", hidden: true });
  const box = make("div", { class: "timeline", tabindex: "0", role: "slider", "aria-label": "Emotions over time; arrow keys move in the recording", "aria-valuemin": start.toFixed(1), "aria-valuemax": end.toFixed(1) }, canvas, cursor);
  const spans = make("ol", { class: "spans", "aria-label": "Stretches of one emotion" });
  const toggle = timeline.smoothed ? make("input", { type: "checkbox", id: "raw" }) : null;
  const head = make("div", { class: "section-head" }, make("h3", { text: "Over time" }), toggle && make("label", {}, toggle, " raw windows"));
  const legend = make("p", { class: "legend" }, ...labels.map((label, i) => make("span", {}, swatch(i), label)));
  const shown = timeline.starts.length;
  const note = timeline.n > shown ? make("p", { class: "soft", text: `${timeline.n.toLocaleString("en-GB")} windows, averaged down to ${shown.toLocaleString("en-GB")} points.` }) : null;
  const rest = make("p", { class: "soft", hidden: true });
  const inWords = make("summary");
  let chart = null, position = start;

  const values = () => (toggle && !toggle.checked ? timeline.smoothed : timeline.raw);
  function show() {
    chart = draw(canvas, areas(timeline, values(), !timeline.smoothed || toggle.checked));
    const all = stretches(timeline, values());
    spans.replaceChildren(...all.slice(0, most).map(({ label, from, to }) => make("li", {}, make("button", { type: "button", onclick: () => move(from) }, swatch(label), `${labels[label]} ${clock(from)}–${clock(to)}`))));
    inWords.textContent = `In words: ${count(all.length, "stretch", "es")}`;
    rest.hidden = all.length <= most;
    rest.textContent = `The first ${most} of ${all.length} stretches.`;
    place(position);
  }
  function place(seconds) {
    position = Math.min(end, Math.max(start, seconds));
    const area = charts.get(canvas).chart.chartArea;
    cursor.hidden = false;
    cursor.style.left = `${charts.get(canvas).chart.scales.x.getPixelForValue(position)}px`;
    cursor.style.top = `${area.top}px`;
    cursor.style.height = `${area.bottom - area.top}px`;
    const { label, p } = strongest(values(), windowAt(timeline, position));
    box.setAttribute("aria-valuenow", position.toFixed(1));
    box.setAttribute("aria-valuetext", `${clock(position)}, ${labels[label]} ${percent(p)}`);
  }
  function move(seconds) {
    place(seconds);
    seek(position);
  }
  box.addEventListener("click", (event) => {
    move(charts.get(canvas).chart.scales.x.getValueForPixel(event.clientX - canvas.getBoundingClientRect().left));
  });
  box.addEventListener("keydown", (event) => {
    const step = Math.max(0.5, Math.min(5, (end - start) / 20));
    const to = { ArrowRight: position + step, ArrowUp: position + step, ArrowLeft: position - step, ArrowDown: position - step, Home: start, End: end }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(to);
  });
  toggle?.addEventListener("change", show);
  const watch = new ResizeObserver(() => chart && place(position));
  watch.observe(box);
  return {
    element: make("section", {}, head, box, legend, note, make("details", {}, inWords, spans, rest)),
    show,
    place,
    close() {
      watch.disconnect();
      undraw(canvas);
    },
  };
}
