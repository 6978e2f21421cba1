// Charts over time, each with a cursor; a click or a drag goes there.
const HEIGHT = 150, LEFT = 72, RIGHT = 8, TOP = 8, BOTTOM = 20;
const cursors = [];

function ticks(most) {
  const raw = most / 5, power = 10 ** Math.floor(Math.log10(raw));
  const width = [1, 2, 5, 10].map((m) => m * power).find((m) => m >= raw);
  const places = [];
  for (let at = 0; at <= most * 1.0001; at += width) places.push(at);
  return places;
}

// Where nothing was measured for longer, a line would claim what nobody saw.
function asMeasured(points) {
  const steps = points.slice(1).map(([t], place) => t - points[place][0]).sort((a, b) => a - b);
  return { points, gap: 1.6 * (steps[steps.length >> 1] ?? Infinity) };
}

function chart(title, series, log, unit) {
  const figure = element("figure", { class: "chart" });
  const reading = element("span");
  const drawing = svg("svg", { role: "img", "aria-label": title });
  figure.append(element("figcaption", {}, element("span", {}, title), reading), drawing);
  byId("charts").append(figure);
  const values = series.flatMap((line) => line.points.map((point) => point[1]));
  const most = Math.max(1, ...values);
  const least = log ? Math.max(1, Math.min(most, ...values.filter((value) => value > 0))) : 0;
  const [low, high] = log ? [Math.floor(Math.log10(least)), Math.max(Math.ceil(Math.log10(most)), Math.floor(Math.log10(least)) + 1)] : [0, most];
  const y = (value) => {
    const share = log ? (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low) : value / high;
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM);
  };
  let x = () => 0;
  const cursor = svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM });

  function draw() {
    const width = Math.max(260, figure.clientWidth);
    x = (t) => LEFT + (t / end) * (width - LEFT - RIGHT);
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const parts = bands(x, TOP, HEIGHT - BOTTOM);
    const levels = log ? Array.from({ length: high - low + 1 }, (_, place) => 10 ** (low + place)) : ticks(high).filter((_, place) => place % 2 === 0);
    for (const level of levels) {
      parts.push(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(level), y2: y(level) }));
      parts.push(svg("text", { x: LEFT - 5, y: y(level) + 4, "text-anchor": "end" }, unit(level)));
    }
    for (const at of ticks(end)) parts.push(svg("text", { x: x(at), y: HEIGHT - 5, "text-anchor": at === 0 ? "start" : "middle" }, `${at / 1e3} s`));
    for (const line of series) {
      const goesOn = (t, place) => place > 0 && t - line.points[place - 1][0] <= line.gap;
      const path = line.points.map(([t, value], place) => `${goesOn(t, place) ? "L" : "M"}${x(t).toFixed(1)} ${y(value).toFixed(1)}`).join("");
      parts.push(svg("path", { d: path, fill: "none", stroke: line.colour, "stroke-width": 1.6 }));
    }
    drawing.replaceChildren(...parts, cursor);
  }
  const seek = (event) => {
    const box = drawing.getBoundingClientRect();
    const width = Number(drawing.getAttribute("viewBox").split(" ")[2]);
    const at = ((event.clientX - box.x) / box.width) * width;
    goTo(((at - LEFT) / (width - LEFT - RIGHT)) * end);
  };
  drawing.addEventListener("pointerdown", (event) => { drawing.setPointerCapture(event.pointerId); seek(event); });
  drawing.addEventListener("pointermove", (event) => { if (event.buttons & 1) seek(event); });
  new ResizeObserver(draw).observe(figure);
  draw();
  cursors.push((t) => {
    cursor.setAttribute("x1", x(t));
    cursor.setAttribute("x2", x(t));
    const read = series.map((line) => {
      const place = lastBefore(line.points, t, (point) => point[0]);
      return `${line.name} ${place < 0 ? "–" : unit(line.points[place][1])}`;
    });
    reading.replaceChildren(...read.flatMap((text, place) => {
      const part = element("span", {}, text);
      part.style.color = series[place].colour;
      return place ? [" · ", part] : [part];
    }));
  });
}

/** Faults and phases, as areas behind the lines. */
function bands(x, top, bottom) {
  const parts = data.phases.map((span) => svg("rect", {
    x: x(span.from_ms), width: Math.max(x(span.to_ms) - x(span.from_ms), 0.5), y: top, height: bottom - top, fill: PHASES[span.phase], opacity: 0.22,
  }));
  for (const fault of data.faults) {
    parts.push(svg("line", { x1: x(fault.at_ms), x2: x(fault.at_ms), y1: top, y2: bottom, stroke: "var(--bad)", "stroke-width": 1.5 }));
    const until = Math.min(fault.until_ms ?? end, end);
    parts.push(svg("rect", { class: "faultband", x: x(fault.at_ms), width: Math.max(x(until) - x(fault.at_ms), 1), y: top, height: 4 }));
  }
  return parts;
}

const points = (rows, value) => rows.map((row) => [row[0], row[value]]);
chart("Latency at the sink", [
  { name: "p50", colour: "#0a84d0", ...asMeasured(points(data.latency, 1)) },
  { name: "p99", colour: "#d55e00", ...asMeasured(points(data.latency, 2)) },
  { name: "max", colour: "#888888", ...asMeasured(points(data.latency, 3)) },
], true, duration);
const compact = (n) => (n >= 1e6 ? `${Number((n / 1e6).toFixed(1))}M` : n >= 1e4 ? `${Number((n / 1e3).toFixed(1))}k` : count(Math.round(n)));
chart("Records that wait in the topics", [
  { name: "all", colour: "#0a84d0", ...asMeasured(points(data.lag, 1)) },
  { name: "furthest partition", colour: "#d55e00", ...asMeasured(points(data.lag, 2)) },
], false, compact);
if (data.tasks.length) {
  const changes = new Map();
  const add = (t, by) => changes.set(t, (changes.get(t) ?? 0) + by);
  for (const span of data.tasks) if (span.running_ms !== null) { add(span.running_ms, 1); if (span.to_ms !== null) add(span.to_ms, -1); }
  let running = 0;
  const steps = [[0, 0]];
  for (const t of [...changes.keys()].sort((a, b) => a - b)) { steps.push([t, running]); running += changes.get(t); steps.push([t, running]); }
  steps.push([end, running]);
  chart("Tasks that run, as the JobManager knows", [{ name: "tasks", colour: "#00a074", points: steps, gap: Infinity }], false, compact);
}
const seen = [...new Set(data.phases.map((span) => span.phase))];
if (seen.length) {
  byId("charts").append(element("div", { class: "legend" }, ...seen.map((phase) => {
    const key = element("span", {}, element("i"), phaseTitle(phase));
    key.style.setProperty("--of", PHASES[phase]);
    return key;
  })));
}
byId("track").setAttribute("viewBox", "0 0 1000 14");
byId("track").append(...bands((t) => (t / end) * 1000, 0, 14));
