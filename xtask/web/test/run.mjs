// Runs the browser tests whose names contain the first argument, two at a time, and prints a line
// for each.

import { launch } from "./harness.mjs";
import { tests } from "./tests.mjs";

/** Tests at the same time: each has a page, and so a process, of its own. */
const AT_ONCE = 2;

const filter = process.argv[2] ?? "";
const waiting = tests.filter(({ name }) => name.includes(filter));
const count = waiting.length;
const browser = await launch();
let failures = 0;

/** What a test gets for a browser: it remembers what the test has opened. */
function session() {
  const contexts = [];
  return {
    async newContext(options) {
      const context = await browser.newContext(options);
      contexts.push(context);
      return context;
    },
    close: () => Promise.all(contexts.map((context) => context.close())),
  };
}

async function work() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { name, run } = next;
    const opened = session();
    const start = performance.now();
    try {
      await run(opened);
      console.log(`test ${name} ... ok (${((performance.now() - start) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failures += 1;
      console.log(`test ${name} ... FAILED\n${error.stack ?? error}`);
    }
    await opened.close();
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
await browser.close();
console.log(`browser tests: ${count - failures} passed, ${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
