// What does not move: summary, recoveries, verdicts.
document.title = `${summary.scenario} · ${summary.model} · seed ${summary.seed}`;
byId("title").textContent = `${summary.scenario} · model ${summary.model} · seed ${summary.seed}`;
byId("about").textContent = summary.about;
byId("digest").textContent = `digest ${summary.digest} · ${count(summary.events)} events · ${duration(summary.simulated_ms)} simulated · run ${summary.ended}`;

function card(value, name, mood = "") {
  byId("cards").append(element("div", { class: "card" }, element("b", { class: mood }, value), element("small", {}, name)));
}
for (const recovery of summary.recoveries.slice(0, 3)) {
  card(recovery.total_ms === null ? "not recovered" : duration(recovery.total_ms), `${recovery.fault}: until caught up`, recovery.total_ms === null ? "bad" : "");
}
if (!summary.recoveries.length) card(summary.not_recovered.length ? "not recovered" : "none", "recoveries", summary.not_recovered.length ? "bad" : "");
const { delivery } = summary;
card(`${count(delivery.lost)} / ${count(delivery.duplicated)}`, "records lost / duplicated", delivery.lost + delivery.duplicated ? "bad" : "good");
const broken = summary.invariants.filter((invariant) => invariant.violations.length);
card(broken.length ? `${broken.length} broken` : "all hold", `${summary.invariants.length} invariants`, broken.length ? "bad" : "good");
const unmet = summary.expectations.filter((expectation) => !expectation.met);
if (summary.expectations.length) card(`${summary.expectations.length - unmet.length} of ${summary.expectations.length}`, "expectations met", unmet.length ? "bad" : "good");
card(summary.job_status, "the job at the end", summary.job_status === "RUNNING" ? "good" : "bad");
card(duration(summary.latency_ms.p99), "latency p99");

/** On a phone, a table of many columns becomes a block for each line, every cell under its heading's name. */
function table(heads, lines) {
  const titles = heads.map((title) => title.replace("#", ""));
  const cell = (name) => (value, place) => element(name, { "data-of": titles[place], ...(heads[place].startsWith("#") ? { class: "n" } : {}) }, value);
  const head = element("tr", {}, ...titles.map(cell("th")));
  const body = lines.map((line) => element("tr", {}, ...line.map(cell("td"))));
  return element("div", { class: "scroll" }, element("table", { class: heads.length > 3 ? "wide" : "" }, element("thead", {}, head), element("tbody", {}, ...body)));
}

const home = byId("recoveries");
for (const told of summary.not_recovered) home.append(element("p", { class: "bad" }, `Not recovered: ${told}.`));
for (const spared of summary.spared) {
  home.append(element("h2", {}, `${spared.fault} at ${instant(spared.at_ms)}`),
    element("p", {}, `${spared.what}. Noticed by ${spared.noticed_by ?? "nobody"}${spared.noticed_ms === null ? "" : ` at ${instant(spared.noticed_ms)}`}.`));
}
const wasted = (recovery) => {
  const count = recovery.attempts.filter((attempt) => attempt.outcome === "wasted").length;
  return count ? `, ${count} of them wasted` : "";
};
summary.recoveries.forEach((recovery, number) => {
  const total = Object.values(recovery.phases_ms).reduce((a, b) => a + b, 0);
  home.append(element("h2", {}, `Recovery: ${recovery.fault} at ${instant(recovery.at_ms)}`));
  home.append(element("p", {}, recovery.total_ms === null ? `Not recovered: ${recovery.why_not}.` : `Caught up ${duration(recovery.total_ms)} after the fault.`,
    ` Noticed by ${recovery.detector ?? "nobody"}; checkpoint ${recovery.restored_checkpoint ?? "none"}; ${recovery.restarted_tasks} tasks restarted in ${recovery.restarts} restart${recovery.restarts === 1 ? "" : "s"}${wasted(recovery)}.`));
  const bar = element("div", { class: "phasebar", role: "img", "aria-label": "Phases" });
  const lines = [];
  for (const [phase, ms] of Object.entries(recovery.phases_ms)) {
    if (ms <= 0) continue;
    const part = element("i", { title: `${phase} ${duration(ms)}` });
    part.style.setProperty("--of", PHASES[phase]);
    part.style.flexGrow = ms / total;
    bar.append(part);
    lines.push([phaseTitle(phase), duration(ms), percent(ms / total)]);
  }
  home.append(bar, table(["Phase", "#Time", "#Share"], lines));
  if (recovery.steps.length) {
    home.append(element("h3", {}, "Step by step"), table(["#No.", "Step", "#From", "#Takes", "What"],
      recovery.steps.map((step) => [String(step.number), step.name, instant(step.from_ms), step.to_ms > step.from_ms ? duration(step.to_ms - step.from_ms) : "", step.what])));
  }
  const why = data.explanations[number];
  if (why) {
    const said = (setting) => (setting ? `${setting.key} = ${setting.value}${setting.note ? `, ${setting.note}` : ""}` : "");
    home.append(element("h3", {}, "Why it took so long"), table(["#Takes", "#Share", "Setting that decides"], why.settings.slice(0, 8).map((share) => [duration(share.ms), percent(share.share), said(share)])));
    const path = table(["#At", "#Takes", "#Share", "Phase", "#Restart", "What had to pass", "Setting"], why.path.map((step) => [instant(step.from_ms), duration(step.ms), percent(step.share), step.phase, step.restart ?? "", step.what, said(step.setting)]));
    home.append(element("details", {}, element("summary", {}, `The critical path, ${why.path.length} steps`), path));
  }
  if (recovery.placement.length) {
    home.append(element("details", {}, element("summary", {}, `Where the tasks went, ${recovery.placement.length}`),
      table(["Task", "Partitions", "From", "To"], recovery.placement.map((entry) => [entry.task, entry.partitions.join(", "), entry.from ?? "–", entry.to]))));
  }
});

if (summary.notable.length) {
  home.append(element("h2", {}, "What stands out"), table(["#At", "What"], summary.notable.map((each) => [instant(each.at_ms), each.what])));
}

const verdicts = byId("verdicts");
verdicts.append(element("h2", {}, "Verdict"));
for (const expectation of summary.expectations) {
  verdicts.append(element("p", { class: expectation.met ? "good" : "bad" }, `${expectation.met ? "✓" : "✗"} ${expectation.text} — ${expectation.measured}`));
}
for (const invariant of broken) {
  verdicts.append(element("p", { class: "bad" }, `✗ ${invariant.id}: ${invariant.statement}`));
  for (const violation of invariant.violations.slice(0, 5)) {
    const go = element("button", { type: "button" }, `${instant(violation.at_ms)} ${violation.what}`);
    go.addEventListener("click", () => goTo(violation.at_ms));
    verdicts.append(element("p", {}, go));
  }
}
verdicts.append(element("details", {}, element("summary", {}, `All ${summary.invariants.length} invariants`),
  table(["Invariant", "Kind", "#Checked", "#Broken", "Statement"], summary.invariants.map((each) => [each.id, each.kind, count(each.checked), String(each.violations.length), each.statement]))));
