// The log: search, filters, and what led to each line.
const log = byId("log");
const hiddenKinds = new Set();
const rows = data.timeline.map((entry, place) => {
  const button = element("button", { class: "entry", type: "button", "aria-expanded": "false" },
    element("span", { class: "at" }, instant(entry.at_ms)), element("span", {}, entry.actor),
    element("span", { class: "kind" }, entry.kind), element("span", { class: "text" }, entry.text));
  const item = element("li", { class: entry.kind, id: `event-${place}` }, button);
  button.addEventListener("click", () => { goTo(entry.at_ms, place); toggle(place); });
  return { item, button, entry, text: `${entry.actor} ${entry.kind} ${entry.text} ${entry.event}`.toLowerCase() };
});
log.classList.toggle("long", rows.length > 2000);
log.append(...rows.map((row) => row.item));

/** The place of the first line that an event made. */
const placeOfEvent = new Map();
rows.forEach((row, place) => { if (!placeOfEvent.has(row.entry.event)) placeOfEvent.set(row.entry.event, place); });

function toggle(place) {
  const { item, button, entry } = rows[place];
  const open = item.querySelector("ol, p");
  button.setAttribute("aria-expanded", String(!open));
  if (open) return open.remove();
  if (!entry.causes.length) return item.append(element("p", { class: "soft" }, `Event ${entry.event}: what led to it is not in this report; firedrill explain and trace.jsonl know.`));
  const list = element("ol", { "aria-label": "What led to it, latest first" });
  entry.causes.forEach(([event, at, actor, from, what], index) => {
    const names = data.names;
    const who = names[from] === names[actor] ? names[actor] : `${names[from]} → ${names[actor]}`;
    const earlier = entry.at_ms - at;
    const line = element("li", {}, element("b", {}, names[what]), ` ${who} at ${instant(at)}`, element("span", { class: "soft" }, `, event ${event}${earlier > 0 ? `, ${duration(earlier)} before` : ""}`));
    const known = placeOfEvent.get(event);
    if (known !== undefined && index > 0) {
      const go = element("button", { type: "button" }, rows[known].entry.text);
      go.addEventListener("click", () => { goTo(rows[known].entry.at_ms, known); rows[known].button.focus(); });
      line.append(" ", go);
    }
    list.append(line);
  });
  item.append(list);
}

const isShown = (row) => !row.item.hidden;
function filter() {
  const wanted = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const actor = byId("actor").value;
  let shown = 0;
  for (const row of rows) {
    const fits = !hiddenKinds.has(row.entry.kind) && (!actor || row.entry.actor === actor) && wanted.every((word) => row.text.includes(word));
    row.item.hidden = !fits;
    shown += fits ? 1 : 0;
  }
  byId("count").textContent = `${count(shown)} of ${count(rows.length)}`;
}
for (const kind of [...new Set(data.timeline.map((entry) => entry.kind))]) {
  const button = element("button", { type: "button", "aria-pressed": "true" }, kind);
  button.addEventListener("click", () => {
    const hide = !hiddenKinds.delete(kind);
    if (hide) hiddenKinds.add(kind);
    button.setAttribute("aria-pressed", String(!hide));
    filter();
  });
  byId("kinds").append(button);
}
byId("actor").append(element("option", { value: "" }, "everybody"), ...[...new Set(data.timeline.map((entry) => entry.actor))].sort().map((actor) => element("option", { value: actor }, actor)));
byId("search").addEventListener("input", filter);
byId("actor").addEventListener("change", filter);
filter();

let current = -1;
/** Marks the last line that has happened, and brings it into view within the log alone. */
function showLog(t, place) {
  const next = place ?? lastBefore(data.timeline, t);
  if (next === current) return;
  const [low, high] = [Math.min(current, next), Math.max(current, next)];
  for (let at = Math.max(low, 0); at <= high && at < rows.length; at += 1) rows[at].item.classList.toggle("later", at > next);
  if (current < 0) rows.forEach((row, at) => row.item.classList.toggle("later", at > next));
  if (current >= 0) rows[current].item.classList.remove("current");
  current = next;
  byId("now").textContent = next < 0 ? "" : `${instant(rows[next].entry.at_ms)}  ${rows[next].entry.text}`;
  if (next < 0) return;
  rows[next].item.classList.add("current");
  if (isShown(rows[next])) {
    const item = rows[next].item;
    const top = item.offsetTop - log.offsetTop;
    if (top < log.scrollTop || top + item.offsetHeight > log.scrollTop + log.clientHeight) log.scrollTop = top - log.clientHeight / 3;
  }
}
