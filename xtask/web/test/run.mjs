// Runs the browser tests whose names contain the first argument, and prints a line for each.

import { launch } from "./harness.mjs";
import { tests } from "./tests.mjs";

const filter = process.argv[2] ?? "";
const chosen = tests.filter(({ name }) => name.includes(filter));
const browser = await launch();
let failures = 0;
for (const { name, run } of chosen) {
  const start = performance.now();
  try {
    await run(browser);
    console.log(`test ${name} ... ok (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  } catch (error) {
    failures += 1;
    console.log(`test ${name} ... FAILED\n${error.stack ?? error}`);
  }
  for (const context of browser.contexts()) await context.close();
}
await browser.close();
console.log(`browser tests: ${chosen.length - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
