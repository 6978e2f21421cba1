// Drives report.html as a reader would; exits with 1 at the first thing that is not as it should be.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [folder, shots] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** A page on its own, which must neither complain nor ask for anything but its file. */
async function open(model, options, use) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const trouble = [];
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) trouble.push(message.text()); });
  page.on("request", (request) => { if (!request.url().startsWith("file:")) trouble.push(`asked for ${request.url()}`); });
  await page.goto(`file://${folder}/${model}/report.html`);
  await use(page);
  assert.deepEqual(trouble, []);
  await context.close();
}
/** What the report says in figures of the first recovery. */
const recovery = (model) => JSON.parse(readFileSync(`${folder}/${model}/summary.json`, "utf8")).recoveries[0];
const clock = async (page) => parseFloat(await page.textContent("#clock"));
const tag = (page, name) => page.textContent(`[data-node="${name}"] .tag`);
const tasks = (page, name) => page.locator(`[data-node="${name}"] .chip`).count();
/** Nothing may stick out of the window: a page on a phone scrolls one way only. */
async function fits(page) {
  const content = await page.evaluate(() => document.documentElement.scrollWidth), window = page.viewportSize().width;
  assert.ok(content <= window, `${content} wide in a window of ${window}`);
  // Nor is a table cut off.
  const cut = await page.locator(".scroll").evaluateAll((all) => all.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.textContent.slice(0, 60)));
  assert.deepEqual(cut, []);
}

/** What is there between the two events of a printer. */
async function printing(page, look) {
  const tell = (event) => page.evaluate((event) => dispatchEvent(new Event(event)), event);
  await tell("beforeprint");
  const seen = await look();
  await tell("afterprint");
  return seen;
}

const WIDE = { viewport: { width: 1400, height: 1000 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

await open("story", WIDE, async (page) => {
  assert.match(await page.title(), /fraud-detection · story/);
  // It begins just before the fault; a step goes to the next line of the log.
  assert.equal(await clock(page), 58);
  assert.equal(await tasks(page, "tm-3"), 5);
  await page.keyboard.press("ArrowRight");
  assert.equal(await clock(page), 60);
  assert.equal(await tag(page, "tm-3"), "down, not missed yet");
  assert.equal(await page.locator('[data-node="tm-3"] .chip.dead').count(), 5);
  await page.screenshot({ path: `${shots}/story-fault.png`, fullPage: true });

  // The scrubber, the clock, the picture and the charts go together.
  await page.fill("#scrubber", "95000");
  assert.equal(await clock(page), 95);
  assert.equal(await tasks(page, "tm-3"), 0);
  assert.equal(await tasks(page, "tm-4"), 9);
  const cursor = () => page.getAttribute("#charts .cursor", "x1");
  const before = await cursor();
  const chart = await page.locator("#charts svg").first().boundingBox();
  await page.mouse.click(chart.x + chart.width / 2, chart.y + 40);
  const there = await clock(page);
  assert.ok(there > 60 && there < 120, `${there}`);
  assert.notEqual(await cursor(), before);

  // Play runs, pause stops.
  await page.keyboard.press("Home");
  assert.equal(await clock(page), 0);
  await page.selectOption("#speed", "60");
  await page.click("#play");
  await page.waitForFunction(() => parseFloat(document.getElementById("clock").textContent) > 5);
  await page.click("#play");
  const paused = await clock(page);
  await page.waitForTimeout(150);
  assert.equal(await clock(page), paused);
  await page.keyboard.press("f");
  assert.equal(await clock(page), 60);

  // Search, kinds and the actor narrow the log.
  const lines = () => page.locator("#log li:visible").count();
  const all = await lines();
  await page.keyboard.press("/");
  await page.keyboard.type("session of tm-3 expires");
  assert.equal(await lines(), 1);
  await page.fill("#search", "");
  await page.click('#kinds button:has-text("checkpoint")');
  assert.ok((await lines()) < all);
  assert.equal(await page.locator("#log li.checkpoint:visible").count(), 0);
  await page.selectOption("#actor", "zk-1");
  assert.ok((await lines()) < 10);
  await page.selectOption("#actor", "");

  // A click on a line goes there and tells what led to it.
  await page.click('#log .entry:has-text("tm-3 is lost")');
  assert.equal(await clock(page), Number((recovery("story").detected_ms / 1000).toFixed(3)));
  const causes = page.locator("#log li:has-text('tm-3 is lost') ol li");
  assert.ok((await causes.count()) > 3);
  assert.match(await causes.allTextContents().then((all) => all.join("\n")), /WatchFired/);
  await page.screenshot({ path: `${shots}/story-causes.png`, fullPage: true });

  // The keys are listed, and every button has a name.
  await page.keyboard.press("?");
  assert.ok(await page.isVisible("#keys"));
  await page.keyboard.press("Escape");
  const nameless = await page.locator("button").evaluateAll((all) => all.filter((each) => !(each.textContent.trim() || each.getAttribute("aria-label"))).length);
  assert.equal(nameless, 0);

  // Light and dark.
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.click("#theme");
  assert.notEqual(await paper(), light);
  await fits(page);
  // Paper is light whatever the screen is, which is as before afterwards.
  const dark = await paper();
  assert.equal(await printing(page, paper), "rgb(255, 255, 255)");
  assert.equal(await paper(), dark);
  await page.pdf({ path: `${shots}/story.pdf`, format: "A4" });
});

await open("flink", { ...WIDE, colorScheme: "dark" }, async (page) => {
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(18, 22, 27)");
  assert.ok((await page.locator('[data-node="tm-1"] .slot').count()) > 0, "slots");
  // Down it is at once, and missed when a heartbeat's verdict has come: its session lives on.
  await page.fill("#scrubber", "65000");
  assert.equal(await tag(page, "tm-3"), "down, not missed yet");
  await page.fill("#scrubber", "75000");
  assert.equal(await tag(page, "tm-3"), "down");
  await page.screenshot({ path: `${shots}/flink-dark.png`, fullPage: true });
  assert.match(await page.textContent("#recoveries"), /restart-strategy\.exponential-delay\.initial-backoff/);
  assert.match(await page.textContent("#recoveries"), /\d+ of them wasted[\s\S]*Restart 1, wasted[\s\S]*All RUNNING/);
});

for (const [name, colorScheme] of [["light", "light"], ["dark", "dark"]]) {
  await open("flink", { ...PHONE, colorScheme }, async (page) => {
    await page.tap("#step");
    await fits(page);
    await page.screenshot({ path: `${shots}/phone-${name}.png` });
    await page.locator("#charts").scrollIntoViewIfNeeded();
    await page.screenshot({ path: `${shots}/phone-${name}-charts.png` });
    await page.tap("#log .entry >> nth=0");
    for (const details of await page.locator("main details > summary").all()) await details.click();
    await fits(page);
    await page.screenshot({ path: `${shots}/phone-${name}-whole.png`, fullPage: true });
  });
}
await open("sweep", WIDE, async (page) => {
  assert.match(await page.title(), /40 runs of 2 variants/);
  assert.equal(await page.locator("#variants tr").count(), 3);
  // A seed of the table leads to the command that shows its run, and the address to the same place.
  await page.click("#variants button.seed >> nth=2");
  const command = () => page.textContent("#command");
  assert.match(await command(), /^firedrill run \S*fraud-detection\.yaml .*--set placement\.policy=least-loaded .*--out variant-0-seed-\d+$/);
  assert.match(await page.getAttribute("#link", "href"), /^variant-0-seed-\d+\/report\.html$/);
  assert.match(await page.textContent("#onetext"), /total [\d.]+ s · detection/);
  await page.screenshot({ path: `${shots}/sweep.png`, fullPage: true });
  // Points can be clicked, and walked through by keys.
  const before = await command();
  await page.focus("#strip");
  await page.keyboard.press("ArrowRight");
  assert.notEqual(await command(), before);
  await page.keyboard.press("ArrowDown");
  assert.match(await command(), /round-robin/);
  const seed = (await command()).match(/--seed (\d+)/)[1];
  await page.goto(`file://${folder}/sweep/report.html#1-${seed}`);
  await page.reload();
  assert.equal(await page.textContent("#onehead"), `Seed ${seed} of placement.policy=round-robin`);
  await page.selectOption("#measure", { label: "detection" });
  await page.selectOption("#scale", "log");
  assert.ok((await page.locator("figure svg").count()) >= 2);
  await fits(page);
});
await open("sweep", { viewport: { width: 690, height: 1000 }, colorScheme: "dark" }, async (page) => {
  // On paper everything is there, in one piece, and light.
  const box = (selector) => page.locator(selector).first().evaluate((each) => [each.clientWidth, each.scrollWidth, each.clientHeight]);
  const [wide, , high] = await box("#strip");
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  await printing(page, async () => {
    assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).getPropertyValue("--panel").trim()), "#f6f7f9");
    const lane = await page.locator("#strip").evaluate((strip) => [...strip.getContext("2d").getImageData(2, 12, 1, 1).data]);
    assert.deepEqual(lane.slice(0, 3), [0xf6, 0xf7, 0xf9]);
  });
  assert.ok(await page.isVisible("#variants button.seed >> nth=0"));
  const [room, table] = await box(".scroll");
  assert.ok(table <= room, `a table of ${table} in ${room}`);
  const [paperWide, , paperHigh] = await box("#strip");
  assert.ok(Math.abs(paperWide / paperHigh - wide / high) < 0.05, `${paperWide} × ${paperHigh}`);
  await page.pdf({ path: `${shots}/sweep.pdf`, format: "A4" });
});
await open("sweep", { ...PHONE, colorScheme: "dark" }, async (page) => {
  await fits(page);
  assert.ok(await page.isVisible("#variants td[data-of=max]"));
  // Plots scroll within the page rather than shrink beyond what can be read.
  const widths = await page.locator("figure svg").evaluateAll((all) => all.map((each) => each.getBoundingClientRect().width));
  assert.ok(widths.every((width) => width > 700), `${widths}`);
  await page.screenshot({ path: `${shots}/sweep-phone.png`, fullPage: true });
});
await browser.close();
console.log("report.html: well");
