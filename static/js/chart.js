// The response time chart: the server's drawing is replaced by one with a cursor, when the chart library is there.
const holder = document.querySelector("[data-chart]");
const SPAN_COLOURS = { down: "--down", degraded: "--degraded", maintenance: "--maintenance" };
const PHASE_COLOURS = { dns: "--chart-1", connect: "--chart-2", tls: "--chart-4", ttfb: "--chart-3", rest: "--idle" };

function colour(name, fallback = name) {
  // A custom property may hold light-dark(); only a computed colour can be handed to a canvas.
  const probe = document.createElement("i");
  probe.style.color = `var(${name}, var(${fallback}))`;
  holder.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function faded(text, share) {
  return text.replace(/^rgb\(([^)]+)\)$/, `rgb($1 / ${share})`).replaceAll(", ", " ");
}

function shade(plot, spans) {
  const { ctx } = plot;
  const { top, height } = plot.bbox;
  ctx.save();
  ctx.globalAlpha = 0.13;
  for (const span of spans) {
    const left = plot.valToPos(Math.max(span.from, plot.scales.x.min), "x", true);
    const right = plot.valToPos(Math.min(span.to, plot.scales.x.max), "x", true);
    if (right <= left) continue;
    ctx.fillStyle = colour(SPAN_COLOURS[span.status]);
    ctx.fillRect(left, top, Math.max(1, right - left), height);
  }
  ctx.restore();
}

function mark(plot, text, status, left, top) {
  const word = document.createElement("span");
  word.className = "chart__label";
  word.dataset.status = status;
  word.textContent = text;
  plot.over.append(word);
  const at = Math.max(0, Math.min(left, plot.over.clientWidth - word.offsetWidth));
  word.style.left = `${at}px`;
  if (top !== undefined) word.style.top = `${top - word.offsetHeight - 2}px`;
  return { word, at, end: at + word.offsetWidth };
}

function label(plot, spans) {
  for (const old of plot.over.querySelectorAll(".chart__label")) old.remove();
  let end = -Infinity;
  for (const span of spans) {
    if (span.to < plot.scales.x.min || span.from > plot.scales.x.max) continue;
    const left = plot.valToPos(Math.max(span.from, plot.scales.x.min), "x");
    const made = mark(plot, span.label, span.status, left);
    // A label that would cover its neighbour is left out; the table and the timeline have them all.
    if (made.at < end + 4) made.word.remove();
    else end = made.end;
  }
}

function limit(plot, value, text) {
  if (value === null) return;
  const { ctx } = plot;
  const y = plot.valToPos(value, "y", true);
  ctx.save();
  ctx.strokeStyle = colour("--degraded");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
  ctx.beginPath();
  ctx.moveTo(plot.bbox.left, y);
  ctx.lineTo(plot.bbox.left + plot.bbox.width, y);
  ctx.stroke();
  ctx.restore();
  mark(plot, text, "degraded", 0, plot.valToPos(value, "y"));
}

function spelled(value) {
  if (value == null) return "—";
  const text = value > 0 && value < 1 ? value.toFixed(1) : Math.round(value).toLocaleString("en").replaceAll(",", "\u202f");
  return `${text} ms`;
}

function say(plot, data) {
  const index = plot.cursor.idx;
  for (const legend of document.querySelectorAll("[data-legend]")) {
    legend.dataset.usual ??= legend.textContent;
    const series = [...data.lines, ...data.layers].find((one) => one.key === legend.dataset.legend);
    // Away from the chart the legend goes back to the whole range.
    legend.textContent = index == null ? legend.dataset.usual : spelled(series?.values[index]);
  }
  const at = document.querySelector("[data-legend-time]");
  if (!at) return;
  at.textContent = index == null ? "" : new Intl.DateTimeFormat("en-GB", {
    day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: holder.dataset.zone,
  }).format(plot.data[0][index] * 1000);
}

function alone(plot, number, show, gaps) {
  // A value between two gaps has no line; it is drawn as a point.
  const values = plot.data[number];
  return values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));
}

function stacked(layers) {
  const floor = [];
  return layers.map((layer) => layer.values.map((value, at) => {
    if (value == null) return null;
    floor[at] = (floor[at] ?? 0) + value;
    return floor[at];
  }));
}

function seriesOf(data) {
  const [first, second] = [colour("--line-1", "--chart-1"), colour("--line-2", "--chart-2")];
  const line = { width: 1.5, spanGaps: false, points: { show: true, size: 4, filter: alone } };
  const areas = data.layers.map(({ key, label: name }) => {
    const tint = colour(PHASE_COLOURS[key]);
    return { label: name, stroke: tint, fill: faded(tint, 0.4), width: 1, spanGaps: false, points: { show: false } };
  });
  return [
    {},
    ...areas,
    { ...line, label: "Slowest", stroke: second, dash: data.layers.length ? [1, 4] : undefined },
    { ...line, label: "Average", stroke: first },
  ];
}

function draw(data) {
  const axis = { size: 32, stroke: colour("--muted"), grid: { stroke: colour("--line-soft"), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
  const size = () => ({ width: holder.clientWidth, height: 240 });
  const said = document.querySelector('[data-series="limit"]')?.textContent ?? "";
  const [average, slowest] = data.lines.map((one) => one.values);
  const options = {
    ...size(),
    tzDate: (ts) => window.uPlot.tzDate(new Date(ts * 1000), holder.dataset.zone),
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false }, points: { size: 6 } },
    scales: { y: { range: (_, low, high) => [0, Math.max(10, (data.limit ?? 0) * 1.08, high * 1.08)] } },
    axes: [{ ...axis, values: (_, ticks) => clock(ticks, data) }, { ...axis, size: 56 }],
    // Each layer is filled down to the one below it, the lowest to the ground.
    bands: data.layers.slice(1).map((_, at) => ({ series: [at + 2, at + 1] })),
    series: seriesOf(data),
    hooks: {
      drawClear: [(plot) => shade(plot, data.spans)],
      draw: [(plot) => label(plot, data.spans), (plot) => limit(plot, data.limit, said)],
      setCursor: [(plot) => say(plot, data)],
    },
  };
  holder.replaceChildren();
  const plot = new window.uPlot(options, [data.times, ...stacked(data.layers), slowest, average], holder);
  new ResizeObserver(() => plot.setSize(size())).observe(holder);
}

/* Over days, a tick says its day once and then the time; "14 Nov" twice in a row would tell nothing. */
function clock(ticks, data) {
  const long = data.times.at(-1) - data.times[0] > 2 * 86400;
  const zone = { timeZone: holder.dataset.zone };
  const day = new Intl.DateTimeFormat("en-GB", { ...zone, day: "numeric", month: "short" });
  const time = new Intl.DateTimeFormat("en-GB", { ...zone, hour: "2-digit", minute: "2-digit" });
  const days = ticks.map((ts) => day.format(ts * 1000));
  return ticks.map((ts, at) => (long && days[at] !== days[at - 1] ? days[at] : time.format(ts * 1000)));
}

async function start() {
  if (!holder || !window.uPlot) return;
  const answer = await fetch(holder.dataset.chart, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const data = await answer.json();
  if (data.lines.some((line) => line.values.some((value) => value !== null))) draw(data);
}

start();
