// What every test needs: a browser, a page with a booted machine, and a few looks at it.

import { readFileSync } from "node:fs";

const { VITRINE_URL, VITRINE_PLAYWRIGHT, VITRINE_AXE, VITRINE_BROWSER, VITRINE_SHOTS } =
  process.env;
const { chromium } = await import(`${VITRINE_PLAYWRIGHT}/index.mjs`);

export const url = VITRINE_URL;

/** The whole source of axe-core, to be run in a page. */
export const axeSource = () => readFileSync(`${VITRINE_AXE}/axe.min.js`, "utf8");

const SWITCHES = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Long enough for a machine on which four other things run. */
const PATIENCE = 60_000;

export const launch = () =>
  chromium.launch({ executablePath: VITRINE_BROWSER, headless: true, args: SWITCHES });

/** An empty page of a browser context of its own. What goes wrong in it is in `page.wrongs`. */
export async function emptyPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.wrongs = [];
  page.on("pageerror", (error) => page.wrongs.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") page.wrongs.push(message.text());
  });
  return page;
}

/** A page in which the shell has printed its prompt. */
export async function laboratory(browser, options = {}, address = url) {
  const page = await emptyPage(browser, options);
  await page.goto(address);
  await prompt(page);
  return page;
}

export const prompt = (page) => page.waitForFunction(() => window.laboratory?.terminal.isAtPrompt);

/** Opens an exhibit, runs it, and returns what it says. */
export async function exhibit(page, id) {
  const item = page.locator(`#exhibit-${id}`);
  if (!(await item.evaluate((element) => element.open))) await item.locator("summary").click();
  await item.locator("> button").click();
  const result = item.locator(".result");
  await page.waitForFunction((id) => {
    const text = document.querySelector(`#exhibit-${id} .result`).textContent;
    return text !== "" && !text.startsWith("Running");
  }, id);
  return result.textContent();
}

/** Waits until no cell is marked as changed any more. */
export const nothingFlashes = (page) =>
  page.waitForFunction(() =>
    [...window.laboratory.picture.cards.values()].every((card) =>
      [...card.rows.values()].every((row) => row.flashing === null),
    ),
  );

/** Keeps a picture of the page for a person to look at. */
export async function shoot(page, name) {
  await nothingFlashes(page);
  await page.screenshot({ path: `${VITRINE_SHOTS}/${name}.png` });
}
