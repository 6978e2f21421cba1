// What is known at an instant: of processes, tasks and partitions.
const data = JSON.parse(document.getElementById("data").textContent);
const { summary, film } = data;
const end = Math.max(summary.simulated_ms, 1);
const byId = (id) => document.getElementById(id);

/** An element with attributes, and children or text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function svg(name, attributes = {}, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

const phaseTitle = (phase) => (phase === "catch_up" ? "catch-up" : phase.replace("_", " "));

function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  const size = Math.abs(ms);
  if (size === 0) return "0 ms";
  if (size < 0.1) return `${(ms * 1e3).toFixed(0)} µs`;
  if (size < 9.95) return `${ms.toFixed(1)} ms`;
  if (size < 999.5) return `${ms.toFixed(0)} ms`;
  if (size < 119995) return `${String(Number((ms / 1e3).toFixed(2)))} s`;
  const seconds = Math.round(ms / 1e3);
  return seconds % 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds / 60} min`;
}
const instant = (ms) => `${(ms / 1e3).toFixed(3)} s`;
const count = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
const percent = (share) => (share > 0 && share < 0.01 ? "<1 %" : `${Math.round(share * 100)} %`);

/** The place of the last item at or before an instant; -1: none. Items are in order of time. */
function lastBefore(items, t, at = (item) => item.at_ms) {
  let low = 0, high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(items[middle]) <= t) low = middle + 1; else high = middle;
  }
  return low - 1;
}

const DOWN = new Set(["kill", "power-off"]);
const histories = new Map();
for (const name of [...film.zookeeper, ...film.jobmanagers, ...film.taskmanagers.map((tm) => tm.name)]) {
  const spare = film.taskmanagers.some((tm) => tm.name === name && !tm.starts);
  histories.set(name, [{ at_ms: -1, up: !spare, absent: spare, faults: [], session: false, leads: false, counted: false, lost: false }]);
}
for (const change of film.states) {
  const history = histories.get(change.node);
  if (!history) continue;
  const next = { ...history[history.length - 1], at_ms: change.at_ms };
  switch (change.what) {
    case "fault":
      if (DOWN.has(change.detail)) next.up = false; else next.faults = [...next.faults, change.detail];
      break;
    case "healed":
      next.faults = next.faults.filter((fault) => fault !== change.detail);
      break;
    case "started": Object.assign(next, { up: true, absent: false, faults: [], leads: false }); break;
    case "exited": Object.assign(next, { up: false, faults: [] }); break;
    case "session": next.session = true; break;
    case "expired": case "closed": next.session = false; break;
    case "leads":
      next.leads = true;
      for (const [name, other] of histories) {
        const sisters = film.zookeeper.includes(name) === film.zookeeper.includes(change.node);
        const last = other[other.length - 1];
        if (name !== change.node && sisters && last.leads) other.push({ ...last, at_ms: change.at_ms, leads: false });
      }
      break;
    case "follows": next.leads = false; break;
    case "registered": Object.assign(next, { counted: true, lost: false }); break;
    case "lost": Object.assign(next, { counted: false, lost: true }); break;
  }
  history.push(next);
}
const stateOf = (name, t) => {
  const history = histories.get(name);
  return history[Math.max(lastBefore(history, t), 0)];
};

/** Tasks that are somewhere at an instant, with whether they run. */
function tasksAt(t) {
  const there = [];
  for (const span of data.tasks) {
    if (span.from_ms > t || (span.to_ms !== null && span.to_ms <= t)) continue;
    there.push({ span, runs: span.running_ms !== null && span.running_ms <= t });
  }
  return there;
}

function lagAt(t) {
  const place = lastBefore(film.lag, t);
  return place < 0 ? null : film.lag[place].records;
}

const OPERATORS = ["#56b4e9", "#e69f00", "#00c08b", "#e08fc0", "#b8a2e3", "#f0e442", "#ff8a3d", "#aaaaaa"];
const operatorColour = (name) => OPERATORS[Math.max(film.operators.indexOf(name), 0) % OPERATORS.length];
const PHASES = {
  detection: "#ddcc77", leadership: "#7a6bd6", cancellation: "#b0486f", backoff: "#999933", resources: "#aa4499",
  deployment: "#88ccee", restore: "#2a9d4b", first_output: "#cc6677", catch_up: "#44aa99",
};
