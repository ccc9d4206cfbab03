// The response time chart: the server's drawing is replaced by one with a cursor, when the chart library is there.
const holder = document.querySelector("[data-chart]");

function colour(name) {
  // A custom property may hold light-dark(); only a computed colour can be handed to a canvas.
  const probe = document.createElement("i");
  probe.style.color = `var(${name})`;
  holder.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

const SPAN_COLOURS = { down: "--down", degraded: "--degraded", maintenance: "--maintenance" };

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

function label(plot, spans) {
  for (const old of plot.over.querySelectorAll(".chart__label")) old.remove();
  let end = -Infinity;
  for (const span of spans) {
    const left = plot.valToPos(Math.max(span.from, plot.scales.x.min), "x");
    const text = document.createElement("span");
    text.className = "chart__label";
    text.dataset.status = span.status;
    text.textContent = span.label;
    plot.over.append(text);
    const at = Math.min(left, plot.over.clientWidth - text.offsetWidth);
    // A label that would cover its neighbour is left out; the table and the timeline have them all.
    if (at < end + 4) {
      text.remove();
      continue;
    }
    text.style.left = `${at}px`;
    end = at + text.offsetWidth;
  }
}

function say(plot) {
  const index = plot.cursor.idx;
  for (const legend of document.querySelectorAll("[data-legend]")) {
    const values = plot.data[Number(legend.dataset.legend)];
    const value = index == null ? null : values[index];
    legend.textContent = value == null ? "—" : `${Math.round(value).toLocaleString("en").replaceAll(",", "\u202f")} ms`;
  }
  const at = document.querySelector("[data-legend-time]");
  if (at && index != null) {
    at.textContent = new Intl.DateTimeFormat("en-GB", {
      day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: holder.dataset.zone,
    }).format(plot.data[0][index] * 1000);
  }
}

function draw(data) {
  const axis = { size: 32, stroke: colour("--muted"), grid: { stroke: colour("--line-soft"), width: 1 }, ticks: { show: false }, font: `12px ${getComputedStyle(document.body).fontFamily}` };
  const size = () => ({ width: holder.clientWidth, height: 240 });
  const options = {
    ...size(),
    tzDate: (ts) => window.uPlot.tzDate(new Date(ts * 1000), holder.dataset.zone),
    legend: { show: false },
    cursor: { y: false, drag: { x: true, y: false } },
    scales: { y: { range: (_, low, high) => [0, Math.max(10, high * 1.08)] } },
    axes: [{ ...axis, values: (_, ticks) => ticks.map((ts) => clock(ts, data)) }, { ...axis, size: 56 }],
    series: [
      {},
      { label: "Average", stroke: colour("--chart-1"), width: 1.5, points: { show: false }, spanGaps: false },
      { label: "Slowest", stroke: colour("--chart-2"), width: 1.5, points: { show: false }, spanGaps: false },
    ],
    hooks: {
      drawClear: [(plot) => shade(plot, data.spans)],
      draw: [(plot) => label(plot, data.spans)],
      setCursor: [say],
    },
  };
  holder.replaceChildren();
  const plot = new window.uPlot(options, [data.times, ...data.lines.map((line) => line.values)], holder);
  new ResizeObserver(() => plot.setSize(size())).observe(holder);
}

function clock(ts, data) {
  const long = data.times.at(-1) - data.times[0] > 2 * 86400;
  const parts = long ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: holder.dataset.zone }).format(ts * 1000);
}

async function start() {
  if (!holder || !window.uPlot) return;
  const answer = await fetch(holder.dataset.chart, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const data = await answer.json();
  if (data.lines.some((line) => line.values.some((value) => value !== null))) draw(data);
}

start();
