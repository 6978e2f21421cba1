// The clock that everything follows, and the keys.
const SPEEDS = [0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60];
let now = 0, playing = false, speed = 5, frame = null;
const scrubber = byId("scrubber");
scrubber.max = String(Math.ceil(end));
for (const each of SPEEDS) byId("speed").append(element("option", { value: each }, `${each}×`));
byId("speed").value = "5";

function show(place, smooth) {
  byId("clock").textContent = instant(now);
  scrubber.value = String(Math.round(now));
  scrubber.setAttribute("aria-valuetext", instant(now));
  showCluster(now, smooth);
  cursors.forEach((move) => move(now));
  showLog(now, place);
}
function goTo(t, place, smooth = false) {
  now = Math.min(Math.max(t, 0), end);
  show(place, smooth);
}
function play(on) {
  playing = on && now < end;
  byId("playicon").setAttribute("d", playing ? "M3 2h4v12H3zM9 2h4v12H9z" : "M3 2v12l11-6z");
  byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  frame = null;
  if (playing) requestAnimationFrame(tick);
}
function tick(at) {
  if (!playing) return;
  const passed = frame === null ? 0 : Math.min(at - frame, 250);
  frame = at;
  goTo(now + passed * speed, undefined, true);
  if (now >= end) play(false); else requestAnimationFrame(tick);
}
/** To the next or the previous line of those that are shown; lines of one instant one after the other. */
function step(by) {
  play(false);
  let place = current + by;
  while (rows[place] && !isShown(rows[place])) place += by;
  if (rows[place]) goTo(rows[place].entry.at_ms, place, true);
}
function nextFault() {
  const next = data.faults.find((fault) => fault.at_ms > now + 1) ?? data.faults[0];
  if (next) goTo(next.at_ms);
}
function setSpeed(by) {
  const place = Math.min(Math.max(SPEEDS.indexOf(speed) + by, 0), SPEEDS.length - 1);
  speed = SPEEDS[place];
  byId("speed").value = String(speed);
}
function theme() {
  const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "light" : "dark";
}
// Paper is light.
let themeOnScreen;
addEventListener("beforeprint", () => {
  themeOnScreen = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => {
  if (themeOnScreen) document.documentElement.dataset.theme = themeOnScreen;
  else delete document.documentElement.dataset.theme;
});
const keys = byId("keys");
byId("play").addEventListener("click", () => play(!playing));
byId("back").addEventListener("click", () => step(-1));
byId("step").addEventListener("click", () => step(1));
byId("tofault").addEventListener("click", nextFault);
byId("theme").addEventListener("click", theme);
byId("help").addEventListener("click", () => keys.showModal());
byId("speed").addEventListener("change", (event) => { speed = Number(event.target.value); });
scrubber.addEventListener("input", () => goTo(Number(scrubber.value)));
addEventListener("resize", () => { wired = ""; wires(now); });
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || keys.open) return;
  const { tagName } = event.target;
  if (event.key === "Escape" && tagName === "INPUT") return event.target.blur();
  if (tagName === "INPUT" && event.target.type === "search" || tagName === "SELECT") return;
  const onButton = tagName === "BUTTON" || tagName === "SUMMARY";
  const actions = {
    " ": () => play(!playing), "/": () => byId("search").focus(), "?": () => keys.showModal(), f: nextFault, t: theme,
    "[": () => setSpeed(-1), "]": () => setSpeed(1), Home: () => goTo(0), End: () => goTo(end),
    ArrowLeft: () => (event.shiftKey ? goTo(now - 1e3) : step(-1)), ArrowRight: () => (event.shiftKey ? goTo(now + 1e3) : step(1)),
  };
  const action = actions[event.key];
  if (!action || (event.key === " " && onButton)) return;
  event.preventDefault();
  action();
});
/** `#t=75.5`: a second to begin at. Without it, just before the first fault. */
function begin() {
  const asked = /^#t=([0-9.]+)$/.exec(location.hash);
  const firstFault = data.faults[0]?.at_ms;
  if (asked) goTo(Number(asked[1]) * 1e3);
  else goTo(firstFault === undefined ? 0 : Math.max(firstFault - 2000, 0));
}
addEventListener("hashchange", begin);
begin();
