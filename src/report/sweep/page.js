const { summary, command, measures, runs } = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const make = (name, text, cls) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (cls) element.className = cls;
  return element;
};
const duration = (ms) => {
  if (ms === null) return "no recovery";
  if (ms < 0) return "not over";
  if (ms < 10) return `${+ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 120000) return `${+(ms / 1000).toFixed(2)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
};
// A setting to read; what is set again stays as it is, in Flink's syntax.
const shown = (value) => value.replace(/^(\d{4,}) ms$/, (_, ms) => `${ms / 1000} s`);
const settingsOf = (variant, called) => summary.varied.map((key, i) => `${called(key)}=${shown(summary.variants[variant].settings[i])}`).join(" ") || "as it is";
const named = (variant) => settingsOf(variant, (key) => key);
// As the plots call a key: by its end.
const short = (key) => {
  const parts = key.split(".");
  return parts.slice(parts.at(-1).length < 8 ? -2 : -1).join(".");
};
// A word of a shell.
const quoted = (text) => (/^[\w.=:,/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

const last = summary.seeds.first + summary.seeds.count;
at("seeds").textContent = `seeds ${summary.seeds.first}..${last} for each variant · Firedrill ${summary.firedrill}`;
for (const warning of summary.warnings) at("warnings").append(make("li", warning));

// One run.
let chosen = -1;
const choose = (index, focus) => {
  const [variant, seed, fails, ...values] = runs[index];
  chosen = index;
  const folder = `variant-${variant}-seed-${seed}`;
  const settings = summary.varied.map((key, i) => ` --set ${quoted(`${key}=${summary.variants[variant].settings[i]}`)}`);
  at("one").hidden = false;
  at("onehead").textContent = `Seed ${seed} of ${named(variant)}`;
  const phases = measures.map((name, i) => [name, values[i]]).filter(([, value]) => value !== 0);
  at("onetext").textContent = `${phases.map(([name, value]) => `${name} ${duration(value)}`).join(" · ")}${fails ? " · fails" : ""}`;
  at("command").textContent = `firedrill run ${command.map(quoted).join(" ")}${settings.join("")} --seed ${seed} --out ${folder}`;
  at("link").textContent = at("link").href = `${folder}/report.html`;
  location.replace(`#${variant}-${seed}`);
  if (focus) {
    at("one").scrollIntoView({ block: "nearest" });
    at("onehead").focus({ preventScroll: true });
  }
  draw();
};
const find = (variant, seed) => runs.findIndex((run) => run[0] === variant && run[1] === seed);
at("copy").onclick = () => {
  const range = document.createRange();
  range.selectNodeContents(at("command"));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  navigator.clipboard?.writeText(at("command").textContent);
};

// Variants.
const head = make("tr");
head.className = "heads";
// Long keys may be broken behind their dots.
const titles = [...(summary.varied.length ? summary.varied : ["variant"]), "p50", "p90", "p99", "max", "failing"].map((title) => title.replaceAll(".", ".\u200b"));
for (const title of titles) head.append(make("th", title));
at("variants").append(head);
for (const variant of summary.variants) {
  const row = make("tr");
  for (const text of variant.settings.length ? variant.settings : ["as it is"]) row.append(make("td", shown(text)));
  const total = variant.measures.find((measure) => measure.measure === "total");
  for (let i = 0; i < 4; i++) {
    const found = total?.quantiles[i];
    const cell = make("td", found ? duration(found.value ?? -1) : "no recovery");
    if (found) {
      const end = (value) => (value === null ? "?" : duration(value));
      if (i < 3) cell.append(make("small", `[${end(found.low)}, ${end(found.high)}]`));
      const note = make("small", "seed ");
      const button = make("button", found.seed, "seed");
      button.type = "button";
      button.onclick = () => choose(find(variant.variant, found.seed), true);
      note.append(button);
      cell.append(note);
    }
    row.append(cell);
  }
  const { count, runs: of } = { count: variant.failing.count, runs: variant.runs };
  row.append(make("td", `${count} of ${of}`, count ? "bad" : ""));
  for (const [place, cell] of [...row.children].entries()) cell.dataset.of = titles[place];
  at("variants").append(row);
}

// Every run, as a point.
for (const [i, name] of measures.entries()) {
  const option = make("option", name);
  option.value = i;
  at("measure").append(option);
}
const strip = at("strip");
const LANE = 46, TOP = 8, FOOT = 34;
let points = [];
// Spreads points over their lane; the same on each look.
const jitter = (seed) => ((Math.imul(seed + 1, 0x9e3779b1) >>> 16) % 1000) / 1000;
/** Round numbers between two, about so many. */
const round = (from, to, count) => {
  const rough = (to - from) / count, size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * size).find((each) => each >= rough);
  const all = [];
  for (let i = Math.ceil(from / step); i * step <= to; i++) all.push(i * step);
  return all;
};
const draw = () => {
  const width = strip.clientWidth, height = TOP + FOOT + LANE * summary.variants.length;
  const ratio = devicePixelRatio || 1;
  strip.style.height = `${height}px`;
  strip.width = width * ratio;
  strip.height = height * ratio;
  const ctx = strip.getContext("2d");
  ctx.scale(ratio, ratio);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [ink, soft, line, accent, bad, panel] = ["--ink", "--soft", "--line", "--accent", "--bad", "--panel"].map(colour);
  const measure = 3 + Number(at("measure").value), log = at("scale").value === "log";
  const over = runs.map((run) => run[measure]).filter((value) => value !== null && value >= 0);
  // One by one: a spread of many thousands of arguments is too much for some browsers.
  const top = over.reduce((most, ms) => Math.max(most, ms), 1), least = over.reduce((lowest, ms) => Math.min(lowest, ms), top);
  // Far from zero the axis begins where the points do.
  const from = !log && least > top / 2 ? least - (top - least || 1) / 10 : 0;
  const scale = (ms) => (log ? Math.log1p(ms) / Math.log1p(top) : (ms - from) / (top - from));
  const never = runs.some((run) => run[measure] !== null && run[measure] < 0);
  const right = width - (never ? 70 : 12), x = (ms) => 4 + scale(ms) * (right - 8);
  ctx.font = "12px system-ui, sans-serif";
  ctx.textBaseline = "middle";
  summary.variants.forEach((variant, i) => {
    if (i % 2 === 0) {
      ctx.fillStyle = panel;
      ctx.fillRect(0, TOP + i * LANE, width, LANE);
    }
  });
  const ticks = log ? [1, 10, 100, 1000, 10000, 60000, 600000].filter((ms) => ms <= top) : round(from, top, width < 600 ? 3 : 7);
  const bottom = height - FOOT;
  ctx.strokeStyle = line;
  for (const tick of ticks) {
    ctx.beginPath();
    ctx.moveTo(x(tick), TOP);
    ctx.lineTo(x(tick), bottom + 4);
    ctx.stroke();
    ctx.fillStyle = soft;
    ctx.textAlign = x(tick) < 30 ? "left" : x(tick) > right - 30 ? "right" : "center";
    ctx.fillText(duration(tick), x(tick), bottom + 16);
  }
  if (never) {
    ctx.textAlign = "center";
    ctx.fillText("not over", width - 33, bottom + 16);
  }
  points = [];
  runs.forEach((run, index) => {
    if (run[measure] === null) return;
    const px = run[measure] < 0 ? width - 60 + jitter(run[1] * 7) * 50 : x(run[measure]);
    const py = TOP + run[0] * LANE + 18 + jitter(run[1]) * (LANE - 24);
    points.push([px, py, index]);
    ctx.fillStyle = run[2] ? bad : accent;
    ctx.globalAlpha = runs.length > 2000 ? 0.35 : 0.65;
    ctx.fillRect(px - 2, py - 2, 4, 4);
  });
  ctx.globalAlpha = 1;
  ctx.textAlign = "left";
  ctx.fillStyle = ink;
  summary.variants.forEach((variant, i) => ctx.fillText(settingsOf(i, short), 6, TOP + i * LANE + 9, width - 12));
  const mark = points.find((point) => point[2] === chosen);
  if (mark) {
    ctx.strokeStyle = ink;
    ctx.lineWidth = 2;
    ctx.strokeRect(mark[0] - 5, mark[1] - 5, 10, 10);
  }
};
const nearest = (event) => {
  const box = strip.getBoundingClientRect();
  const [px, py] = [event.clientX - box.left, event.clientY - box.top];
  let best = null, least = 24 ** 2;
  for (const point of points) {
    const far = (point[0] - px) ** 2 + (point[1] - py) ** 2;
    if (far < least) [best, least] = [point, far];
  }
  return best;
};
strip.onmousemove = (event) => {
  const point = nearest(event);
  strip.style.cursor = point ? "pointer" : "";
  const run = point && runs[point[2]];
  at("hover").textContent = run ? `seed ${run[1]} of ${named(run[0])}: ${duration(run[3 + Number(at("measure").value)])}` : "\u00a0";
};
strip.onclick = (event) => {
  const point = nearest(event);
  if (point) choose(point[2], false);
};
strip.onkeydown = (event) => {
  const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: summary.seeds.count, ArrowUp: -summary.seeds.count }[event.key];
  if (!by) return;
  event.preventDefault();
  choose(Math.min(Math.max(chosen + by, 0), runs.length - 1), false);
};
at("measure").onchange = at("scale").onchange = draw;
addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
// Paper is light.
const printing = (on) => () => {
  if (on) document.documentElement.dataset.theme = "light";
  else delete document.documentElement.dataset.theme;
  draw();
};
addEventListener("beforeprint", printing(true));
addEventListener("afterprint", printing(false));
const asked = /^#(\d+)-(\d+)$/.exec(location.hash);
const linked = asked ? find(Number(asked[1]), Number(asked[2])) : -1;
if (linked >= 0) choose(linked, false);
else draw();
