// A node's charts: each drawing of the server is replaced by one with a cursor; one cursor and one time axis for all.
const grid = document.querySelector("[data-node-charts]");
const FRESH_MS = { "1h": 10_000, "24h": 60_000 };
const BITS = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];
const BYTES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const RATE = ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"];
const plots = new Map();

function colour(name) {
  // A custom property may hold light-dark(); only a computed colour can be handed to a canvas.
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  grid.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function figures(value) {
  if (value >= 99.95 || value === Math.trunc(value)) return Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");
  return value.toFixed(value >= 9.995 ? 1 : 2);
}

function scaled(value, base, units) {
  let step = 0;
  while (value >= base ** (step + 1) && step < units.length - 1) step += 1;
  return `${figures(value / base ** step)} ${units[step]}`;
}

function spelled(value, unit) {
  if (value == null) return "—";
  if (unit === "percent") return `${figures(value)} %`;
  if (unit === "celsius") return `${figures(value)} °C`;
  if (unit === "bits") return scaled(value, 1000, BITS);
  if (unit === "bytes") return scaled(value, 1024, BYTES);
  return unit === "bytes_rate" ? scaled(value, 1000, RATE) : figures(value);
}

function last(values) {
  return values.findLast((value) => value != null);
}

function say(plot, chart) {
  const index = plot.cursor.idx;
  for (const line of chart.lines) {
    const legend = document.querySelector(`[data-legend="${CSS.escape(line.key)}"]`);
    // Away from the charts the legend says the newest value again.
    if (legend) legend.textContent = spelled(index == null ? last(line.values) : line.values[index], chart.unit);
  }
  const at = document.querySelector("[data-node-time]");
  if (!at) return;
  at.textContent = index == null ? "" : new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: grid.dataset.zone,
  }).format(plot.data[0][index] * 1000);
}

function alone(plot, number) {
  // A value between two gaps has no line; it is drawn as a point.
  const values = plot.data[number];
  return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
}

/* Over days, a tick says its day once and then the time. */
function clock(plot, ticks) {
  const times = plot.data[0];
  const long = times.at(-1) - times[0] > 2 * 86400;
  const zone = { timeZone: grid.dataset.zone };
  const day = new Intl.DateTimeFormat("en-GB", { ...zone, day: "numeric", month: "short" });
  const time = new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", minute: "2-digit" });
  const days = ticks.map((ts) => day.format(ts * 1000));
  return ticks.map((ts, at) => (long && days[at] !== days[at - 1] ? days[at] : time.format(ts * 1000)));
}

function draw(holder, chart, times) {
  const axis = { size: 28, stroke: colour("--muted"), grid: { stroke: colour("--line-soft"), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
  const size = () => ({ width: holder.clientWidth, height: 190 });
  const held = { chart };
  const options = {
    ...size(),
    tzDate: (ts) => window.uPlot.tzDate(new Date(ts * 1000), grid.dataset.zone),
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 }, sync: { key: "node" } },
    scales: { y: { range: () => [0, held.chart.top] } },
    axes: [
      { ...axis, values: clock },
      { ...axis, size: 76, splits: () => [0, 1, 2, 3, 4].map((part) => (held.chart.top * part) / 4), values: (_, ticks) => ticks.map((tick) => spelled(tick, held.chart.unit)) },
    ],
    series: [
      {},
      ...chart.lines.map((line, at) => ({
        label: line.label, stroke: colour(`--chart-${(at % 6) + 1}`), width: 1.5, dash: at > 2 ? [6, 3] : undefined,
        spanGaps: false, points: { show: true, size: 4, filter: alone },
      })),
    ],
    hooks: { setCursor: [(plot) => say(plot, held.chart)] },
  };
  const words = holder.querySelector("[role=img]").getAttribute("aria-label");
  holder.replaceChildren();
  holder.setAttribute("role", "img");
  holder.setAttribute("aria-label", words);
  const plot = new window.uPlot(options, [times, ...chart.lines.map((line) => line.values)], holder);
  new ResizeObserver(() => plot.setSize(size())).observe(holder);
  plots.set(chart.key, { plot, held });
}

function renew(known, chart, times) {
  // A line that came or went needs another drawing, which the next visit of the page makes.
  if (known.held.chart.lines.length !== chart.lines.length) return;
  known.held.chart = chart;
  known.plot.setData([times, ...chart.lines.map((line) => line.values)]);
  say(known.plot, chart);
}

async function load() {
  const answer = await fetch(grid.dataset.nodeCharts, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const data = await answer.json();
  for (const chart of data.charts) {
    const holder = grid.querySelector(`[data-node-chart="${CSS.escape(chart.key)}"]`);
    if (plots.has(chart.key)) renew(plots.get(chart.key), chart, data.times);
    else if (holder) draw(holder, chart, data.times);
  }
}

if (grid && window.uPlot) {
  await load();
  const every = FRESH_MS[grid.dataset.fresh];
  if (every) setInterval(() => document.hidden || load().catch(() => {}), every);
}
