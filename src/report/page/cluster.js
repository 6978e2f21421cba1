// The picture of the cluster: ZooKeeper, JobManagers, TaskManagers with their tasks, partitions.
const nodes = new Map();
const MANY = 150;

function node(name, parent) {
  const tag = element("span", { class: "tag" });
  const body = element("div");
  const box = element("div", { class: "node", "data-node": name }, element("header", {}, element("span", {}, name), tag), body);
  parent.append(box);
  nodes.set(name, { box, tag, body, shown: "" });
}
film.zookeeper.forEach((name) => node(name, byId("zookeeper")));
film.jobmanagers.forEach((name) => node(name, byId("jobmanagers")));
film.taskmanagers.forEach((machine) => node(machine.name, byId("taskmanagers")));
for (const operator of film.operators) {
  const key = element("span", {}, element("i"), operator);
  key.style.setProperty("--of", operatorColour(operator));
  byId("operators").append(key);
}

const slotted = data.tasks.some((span) => span.slot !== null);
const crowded = data.tasks.length > 0 && new Set(data.tasks.map((span) => span.task)).size > MANY;
/** What tells it apart comes first: the rest may be cut off. */
const short = (span) => `${span.partitions.length ? `p${span.partitions.join(",")}` : span.subtask + 1} ${span.operator}`;

function chip(text, title, operator, state) {
  const made = element("div", { class: `chip ${state}`, title, "data-task": title }, text);
  made.style.setProperty("--of", operatorColour(operator));
  return made;
}

/** The boxes inside a TaskManager: by slot, or all in a row; by operator where there are too many. */
function tasksOf(machine, tasks, dead) {
  const stateFor = (task) => (dead ? "dead" : task.runs ? "" : "coming");
  const grid = element("div", { class: "slots" });
  if (crowded) {
    for (const operator of film.operators) {
      const mine = tasks.filter((task) => task.span.operator === operator);
      const running = mine.filter((task) => task.runs).length;
      if (mine.length) grid.append(chip(`${operator} ${running}/${mine.length}`, operator, operator, dead ? "dead" : running < mine.length ? "coming" : ""));
    }
  } else if (slotted) {
    for (let slot = 0; slot < machine.slots; slot += 1) {
      const cell = element("div", { class: "slot", title: `slot ${slot}` });
      for (const task of tasks.filter((each) => each.span.slot === slot)) cell.append(chip(short(task.span), task.span.task, task.span.operator, stateFor(task)));
      grid.append(cell);
    }
    for (const task of tasks.filter((each) => each.span.slot === null)) grid.append(chip(short(task.span), task.span.task, task.span.operator, stateFor(task)));
  } else {
    for (const task of tasks) grid.append(chip(short(task.span), task.span.task, task.span.operator, stateFor(task)));
  }
  return grid;
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
/** Where each task's box was, so that a move can be shown as one. */
function places() {
  const found = new Map();
  for (const box of document.querySelectorAll("#taskmanagers .chip")) found.set(box.dataset.task, box.getBoundingClientRect());
  return found;
}
function glide(before) {
  if (still.matches || crowded) return;
  for (const box of document.querySelectorAll("#taskmanagers .chip")) {
    const from = before.get(box.dataset.task), to = box.getBoundingClientRect();
    if (!from || (Math.abs(from.x - to.x) < 60 && Math.abs(from.y - to.y) < 60)) continue;
    box.animate([{ transform: `translate(${from.x - to.x}px, ${from.y - to.y}px)` }, { transform: "none" }], { duration: 500, easing: "ease-in-out" });
  }
}

const largestLag = Math.max(1, ...film.lag.map((point) => Math.max(0, ...point.records)));
const partitions = film.partitions.map((name) => {
  const bar = element("i"), value = element("span");
  byId("partitions").append(element("div", { class: "partition" }, element("span", {}, name), element("div", { class: "bar" }, bar), value));
  return { bar, value };
});
byId("partitionhead").textContent = partitions.length ? "Partitions: records that wait" : "";

function words(state, lead, machine) {
  if (state.absent) return "spare";
  // A TaskManager is missed by a leader, whatever becomes of its session.
  if (!state.up) return (machine ? state.counted : state.session) ? "down, not missed yet" : "down";
  if (state.faults.length) return state.faults.join(", ");
  if (state.lost) return "given up";
  return lead;
}

let wired = "";
/** `smooth`: time goes on, so that a task that is elsewhere now is shown on its way; else it is a jump. */
function showCluster(t, smooth) {
  const tasks = tasksAt(t);
  const before = smooth ? places() : null;
  let moved = false;
  for (const [name, { box, tag, body }] of nodes) {
    const state = stateOf(name, t);
    const machine = film.taskmanagers.find((each) => each.name === name);
    const mine = machine ? tasks.filter((task) => task.span.taskmanager === name) : [];
    const used = slotted ? new Set(mine.map((task) => task.span.slot)).size : mine.length;
    const role = machine ? `${used} of ${machine.slots} slots` : state.leads ? "leader" : film.jobmanagers.includes(name) ? "standby" : "follower";
    tag.textContent = words(state, role, machine);
    const trouble = state.up && (state.faults.length > 0 || state.lost);
    box.className = `node${state.up ? "" : state.absent ? " absent" : " down"}${trouble ? " trouble" : ""}${state.leads && state.up ? " leads" : ""}`;
    if (!machine) continue;
    const key = `${state.up} ${mine.map((task) => `${task.span.task}:${task.span.slot}:${task.runs}`).join(" ")}`;
    if (nodes.get(name).shown !== key) {
      nodes.get(name).shown = key;
      body.replaceChildren(tasksOf(machine, mine, !state.up));
      moved = true;
    }
  }
  if (moved && before) glide(before);
  const lag = lagAt(t);
  partitions.forEach(({ bar, value }, place) => {
    const records = lag ? lag[place] : 0;
    bar.style.width = `${(100 * records) / largestLag}%`;
    value.textContent = count(records);
  });
  wires(t);
}

/** Who has a session, and whom the leader counts in. */
function wires(t) {
  const leader = film.jobmanagers.find((name) => stateOf(name, t).leads);
  const first = film.zookeeper.find((name) => stateOf(name, t).leads) ?? film.zookeeper[0];
  const lines = [];
  for (const name of film.jobmanagers) if (first && stateOf(name, t).session) lines.push([first, name, stateOf(name, t)]);
  for (const { name } of film.taskmanagers) if (leader && !stateOf(name, t).absent) lines.push([leader, name, stateOf(name, t)]);
  const home = byId("cluster").getBoundingClientRect();
  const key = `${home.width} ${home.height} ${lines.map(([a, b, state]) => `${a}${b}${state.up}${state.lost}${state.faults.length}`).join()}`;
  if (key === wired) return;
  wired = key;
  const drawn = lines.map(([from, to, state]) => {
    const a = nodes.get(from).box.getBoundingClientRect(), b = nodes.get(to).box.getBoundingClientRect();
    const broken = !state.up || state.lost || state.faults.length > 0;
    return svg("line", {
      x1: a.x + a.width / 2 - home.x, y1: a.bottom - home.y, x2: b.x + b.width / 2 - home.x, y2: b.y - home.y,
      stroke: broken ? "var(--bad)" : "var(--line)", "stroke-width": 1.5, "stroke-dasharray": broken ? "4 4" : "none",
    });
  });
  byId("wires").replaceChildren(...drawn);
}
