// The laboratory's tests, the longest first. Each name is the claim; `cargo xtask test web::` runs
// them, in headless Chromium.

import assert from "node:assert/strict";
import {
  axeSource,
  emptyPage,
  exhibit,
  laboratory,
  nothingFlashes,
  prompt,
  shoot,
  url,
} from "./harness.mjs";

export const tests = [];
const test = (name, run) => tests.push({ name, run });

/**
 * What the picture counts for a process at the moment in which the machine ended a line of this
 * form.
 */
const countsAt = (page, name, form) =>
  page.evaluate(
    ([name, form]) => {
      const { history, countsBelowUtop } = window.laboratory;
      const frame = history.frames.findLast(({ label }) => new RegExp(form).test(label));
      const process = frame?.processes.findLast((process) => process.name === name);
      return process ? countsBelowUtop(process) : null;
    },
    [name, form.source],
  );

/** Runs exhibits in a page: the numbers that one says, where its result has this form. */
const reader = (page) => async (id, form) => {
  let text = await exhibit(page, id);
  // On a busy machine a program may run between two snapshots; the exhibit then says so.
  for (let more = 4; more > 0 && text.includes("run it again"); more -= 1) {
    text = await exhibit(page, id);
  }
  const found = text.match(form);
  assert.ok(found, `${id}: ${text}`);
  return found.slice(1).map(Number);
};

test("web::exhibits_of_pages_and_forks_show_what_they_explain", async (browser) => {
  const page = await laboratory(browser, { viewport: { width: 1920, height: 1080 } });
  const says = reader(page);
  const [cells, rows] = await says(
    "self-map",
    /has (\d+) cells set, and the process has (\d+) rows/,
  );
  assert.equal(cells, rows);
  await shoot(page, "self-map-1920");
  await says("allocate", /With a new table: 0x04[0-3].* had (\d+) pages more and no row more/);
  await shoot(page, "allocate-1920");
  const [parent, child, same] = await says(
    "cow",
    /(\d+) pages of the parent and (\d+) of the child.*; (\d+) of them are the same/,
  );
  assert.ok(same >= 8 && same <= Math.min(parent, child), `${parent}, ${child}, ${same}`);
  await shoot(page, "cow-1920");
  const [processes, , , frames] = await says(
    "forktree",
    /had (\d+) processes with (\d+) pages, of which (\d+) were.*used (\d+) frames/,
  );
  assert.ok(processes > 1 && frames > 0);
  await shoot(page, "forktree-1920");
  const [first, last] = await says("lazy", /had (\d+) pages?, and at most it had (\d+)/);
  assert.ok(last > first, `${first}, ${last}`);
  assert.match(
    await page.locator(".process").last().locator(".row", { hasText: "stack" }).innerText(),
    /stack\s+\d+ dirty$/,
    "before the fork nothing is copy-on-write",
  );
  await shoot(page, "lazy-1920");
  await assertNothingWrong(page);
});

test("web::exhibits_of_pagers_and_collectors_show_what_they_explain", async (browser) => {
  const page = await laboratory(browser, { viewport: { width: 1920, height: 1080 } });
  const says = reader(page);
  const [out] = await says("tiny-pager", /(\d+) pages? of the child's heap/);
  assert.ok(out > 4 && out <= 26, `${out} of 24 pages and what the allocator needs`);
  await shoot(page, "tiny-pager-1920");
  const [pagedOut] = await says("limit", /(\d+) pages? were paged out.* 0 wrong/);
  assert.ok(pagedOut > 100, `${pagedOut}`);
  await shoot(page, "limit-1920");
  const [cleaned, faults] = await says(
    "gc",
    /(\d+) pages? stopped being dirty.*bits: (\d+) faults/,
  );
  assert.ok(cleaned > 0 && faults === 0, `${cleaned} pages, ${faults} faults`);
  await shoot(page, "gc-1920");
  await assertNothingWrong(page);
});

test("web::it_fits_every_window_and_axe_finds_nothing", async (browser) => {
  const page = await laboratory(browser, {
    viewport: { width: 360, height: 780 },
    colorScheme: "dark",
  });
  await exhibit(page, "slots");
  await shoot(page, "slots-360-dark");
  await exhibit(page, "toy");
  await exhibit(page, "cow");
  await page.evaluate(axeSource());
  for (const [width, height, colorScheme] of [
    [360, 780, "dark"],
    [768, 1024, "light"],
    [1920, 1080, "dark"],
  ]) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    assert.ok(overflow <= 0, `${width} pixels are too few by ${overflow}`);
    const columnsOf = await page
      .locator("#legend > div")
      .evaluateAll((all) => all.map((entry) => entry.getClientRects().length));
    assert.ok(columnsOf.length > 10, `${columnsOf.length} entries`);
    assert.ok(
      columnsOf.every((columns) => columns === 1),
      `entries of the legend in two columns at ${width}`,
    );
    const { violations } = await page.evaluate(() => window.axe.run());
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0].html}`);
    assert.deepEqual(found, [], `${width} ${colorScheme}`);
    await shoot(page, `cow-${width}-${colorScheme}`);
    await page.evaluate(() => window.scrollTo(0, 0));
    await shoot(page, `top-${width}-${colorScheme}`);
  }
});

test("web::it_boots_to_the_prompt_and_knows_the_processes", async (browser) => {
  const page = await laboratory(browser);
  const names = await page.locator(".process .name").allInnerTexts();
  assert.deepEqual(
    names.map((text) => text.split(/\s/)[0]),
    ["init", "pager", "sh"],
  );
  await assertNothingWrong(page);
  await shoot(page, "start-1280");
});

test("web::it_works_under_a_sub_path_and_asks_no_other_host", async (browser) => {
  const page = await emptyPage(browser);
  const base = new URL("some/where/", url).href;
  const asked = [];
  await page.route("**", async (route) => {
    const address = route.request().url();
    asked.push(address);
    if (!address.startsWith(base)) return route.abort();
    const answer = await fetch(address.replace("/some/where/", "/"));
    return route.fulfill({
      status: answer.status,
      contentType: answer.headers.get("content-type"),
      body: Buffer.from(await answer.arrayBuffer()),
    });
  });
  await page.goto(base);
  await prompt(page);
  assert.ok(asked.length > 20, `only ${asked.length} files were asked for`);
  assert.deepEqual(
    asked.filter((address) => !address.startsWith(base) && !/^(data|blob):/.test(address)),
    [],
  );
});

test("web::the_picture_agrees_with_vmmap", async (browser) => {
  const page = await laboratory(browser);
  const text = await page.evaluate(async () => (await window.laboratory.lab.run("vmmap")).text);
  const [, pages, dirty] = text.match(/(\d+) pages below UTOP, (\d+) of them dirty/);
  const counts = await countsAt(page, "vmmap", /pages below UTOP/);
  assert.deepEqual(
    { pages: counts.pages, dirty: counts.dirty },
    { pages: Number(pages), dirty: Number(dirty) },
  );
});

test("web::the_steps_are_in_the_words_of_walk", async (browser) => {
  const page = await laboratory(browser);
  const { printed, shown } = await page.evaluate(async () => {
    const { translate } = await import("./translation.js");
    const { history, lab } = window.laboratory;
    const addresses = [0x800020, 0x40000000, 0xef7bd000, 0xf0000000, 0x10000000, 0xeebfd123];
    const result = { printed: [], shown: [] };
    for (const address of addresses) {
      const { text } = await lab.run(`walk ${address}`);
      const lines = text.split("\n").filter((line) => /^(0x|self map|[123]\.|   )/.test(line));
      const frame = history.frames.findLast(({ label }) => label === lines.at(-1));
      const process = frame.processes.findLast(({ name }) => name === "walk");
      result.printed.push(...lines);
      result.shown.push(...translate(process, address).lines);
    }
    return result;
  });
  // Reading an entry sets A in the directory entry of its table, so the words are read a moment too
  // early for that flag.
  const bare = (lines) =>
    lines
      .join("\n")
      .replace(
        /^(1\. .* is )0x[0-9a-f]{8}:\n(.*)$/gm,
        (_, where, names) => where + names.replace(/, accessed|, dirty/g, ""),
      );
  assert.ok(printed.length > 20);
  assert.equal(bare(shown), bare(printed));
});

test("web::the_toy_machine_reads_a_freed_table_only_if_the_flush_is_left_out", async (browser) => {
  const page = await laboratory(browser);
  await exhibit(page, "toy");
  const last = async () => {
    await page.locator("#toy [data-do=reset]").click();
    await page.locator("#toy [data-do=next]").evaluate((button) => {
      for (let step = 0; step < 11; step++) button.click();
    });
    return page.locator("#toy .log li").last().textContent();
  };
  assert.match(await last(), /read 312 {2}directory\[3\] = 1, table\[1\] = 0: fault/);
  await page.locator("#toy input").check();
  assert.match(await last(), /read 312 {2}cached 7, word 2: 99/);
  await shoot(page, "toy-1280");
});

test("web::what_an_exhibit_opens_goes_when_the_next_one_runs", async (browser) => {
  const page = await laboratory(browser);
  const open = () =>
    page.locator(".stage").evaluateAll((all) => all.filter((it) => !it.hidden).map(({ id }) => id));
  for (const [id, expected] of [
    ["toy", ["toy"]],
    ["slots", ["slots"]],
    ["self-map", []],
    ["toy", ["toy"]],
    ["lazy", []],
  ]) {
    await exhibit(page, id);
    assert.deepEqual(await open(), expected, id);
  }
});

test("web::every_step_of_a_translation_is_in_sight_in_a_narrow_window", async (browser) => {
  const page = await laboratory(browser, { viewport: { width: 360, height: 780 } });
  await exhibit(page, "self-map");
  const hidden = await page
    .locator("#steps")
    .evaluate((steps) => steps.scrollHeight - steps.clientHeight);
  assert.ok(hidden <= 0, `${hidden} pixels of the steps are hidden`);
  const covered = await page.evaluate(() => {
    const { picture } = window.laboratory;
    const row = picture.cards.get(picture.selection.id).rows.get(picture.selection.row);
    const steps = document.querySelector(".inspector");
    return row.canvas.getBoundingClientRect().bottom - steps.getBoundingClientRect().top;
  });
  assert.ok(covered <= 0, `${covered} pixels of the row are behind the steps`);
  await shoot(page, "self-map-360");
});

test("web::three_slots_are_computed_and_another_can_be_typed", async (browser) => {
  const page = await laboratory(browser);
  await exhibit(page, "slots");
  const cells = async (row) =>
    page.locator(`#slots tbody tr:nth-child(${row}) > *`).allInnerTexts();
  assert.deepEqual((await cells(1)).slice(0, 3), ["0x300", "0xc0000000", "0xc0300000"]);
  assert.deepEqual((await cells(2)).slice(0, 3), ["0x3bd", "0xef400000", "0xef7bd000"]);
  assert.match((await cells(3))[5], /^0x00000000\s+wraps/);
  await page.locator("#slots input").fill("1023");
  assert.equal(
    await page.locator("#slots tbody tr").count(),
    3,
    "a slot that is there is not repeated",
  );
  await page.locator("#slots input").fill("0x400");
  assert.equal(await page.locator("#slots input").getAttribute("aria-invalid"), "true");
  await page.locator("#slots input").fill("1");
  assert.deepEqual((await cells(4)).slice(0, 3), ["0x001", "0x00400000", "0x00401000"]);
});

test("web::everything_can_be_done_by_keyboard", async (browser) => {
  const page = await laboratory(browser);
  const key = (name) => page.keyboard.press(name);
  const focused = () =>
    page.evaluate(
      () => document.activeElement.getAttribute("aria-label") ?? document.activeElement.id ?? "",
    );
  await key("F6");
  assert.match(await focused(), /^Terminal of the machine/);
  await page.keyboard.type("hello\n");
  await page.waitForFunction(() =>
    /hello\s[\s\S]*vitrine> $/.test(window.laboratory.terminal.text),
  );
  await key("F6");
  const [, row, address] = (await focused()).match(/^(0x\w{3}) {2}(0x\w{8}) {2}/);
  const steps = () => page.locator("#steps").innerText();
  await key("Home");
  assert.ok(
    (await steps()).startsWith(`${address} = directory index ${row}, table index 0x000`),
    await steps(),
  );
  await key("ArrowRight");
  const second = `0x${(Number(address) + 4096).toString(16).padStart(8, "0")} =`;
  assert.ok((await steps()).startsWith(second), await steps());
  await key("ArrowUp");
  assert.ok((await steps()).startsWith(second), "the first row has none above it");
  await key("PageDown");
  assert.ok(!(await focused()).startsWith(row));
  await key("[");
  assert.match(
    await page.evaluate(() => document.activeElement.closest(".process").innerText),
    /^pager/,
  );
  assert.ok(
    (await page.locator(".arrows .step").count()) >= 2,
    "the arrows of the translation are drawn",
  );
  await page.locator("#address").focus();
  await page.keyboard.type("0xef7bd000\n");
  assert.match(await steps(), /^0xef7bd000 = directory index 0x3bd, table index 0x3bd/);
  await page.locator("#exhibit-toy summary").focus();
  await key("Enter");
  await key("Tab");
  await key("Enter");
  assert.ok(await page.locator("#toy").isVisible());
});

test("web::pointing_at_a_cell_names_its_bits_and_a_click_translates_it", async (browser) => {
  const page = await laboratory(browser);
  const strip = page.locator(".process[open] .row", { hasText: "0x3bd" }).locator("canvas");
  await strip.scrollIntoViewIfNeeded();
  // The cell of the row itself, as it is laid out now.
  const position = await strip.evaluate((canvas) => {
    const { x, y, size } = canvas.view.boxOf(0x3bd, canvas.getBoundingClientRect());
    return { x: x + size / 2, y: y + size / 2 };
  });
  const caption = page.locator(".entry p");
  await strip.hover({ position });
  assert.match(
    await caption.innerText(),
    /^0xef7bd000, entry 0x\w{8}: window, names the directory itself\. Bits: present, user/,
  );
  const set = await page.locator("#bits li.set").allInnerTexts();
  assert.ok(set.includes("P") && set.includes("U") && !set.includes("W"), `${set}`);
  assert.equal(await page.locator(".arrows .step").count(), 0, "nothing is chosen yet");
  await strip.click({ position });
  assert.match(await page.locator("#steps").innerText(), /^0xef7bd000 = directory index 0x3bd/);
  assert.equal(await page.locator(".arrows .step").count(), 3, "three steps are drawn");
  await page.locator("h1").hover();
  assert.match(await caption.innerText(), /^0xef7bd000, /, "the chosen cell's bits come back");
});

test("web::the_slider_goes_back_and_pause_holds_the_machine", async (browser) => {
  const page = await laboratory(browser);
  await exhibit(page, "cow");
  const names = () => page.locator(".process .name").allInnerTexts();
  assert.ok(
    (await names()).filter((name) => name.startsWith("cow")).length === 2,
    "two processes of cow at the fork",
  );
  await page.locator("#live").click();
  await page.waitForFunction(() => document.querySelectorAll(".process").length === 3);
  assert.match(await page.locator(".process[open] .name").innerText(), /^sh/);
  await page.locator("#slider").focus();
  await page.keyboard.press("Home");
  await page.waitForFunction(() => document.querySelectorAll(".process").length === 1);
  assert.match(await page.locator("#moment").innerText(), /^1 of \d+/);
  await page.locator("#live").click();
  await page.locator("#pause").click();
  await page.waitForFunction(() => document.getElementById("pause").textContent === "Go on");
  await page.evaluate(() => window.laboratory.machine.type("hello\r"));
  const instructions = () =>
    page.evaluate(() => window.laboratory.machine.emulator.get_instruction_counter());
  const before = await instructions();
  await page.evaluate(
    () =>
      new Promise((resolve) => {
        let turns = 30;
        const turn = () => (turns-- ? requestAnimationFrame(turn) : resolve());
        turn();
      }),
  );
  assert.equal(await instructions(), before, "a paused machine went on");
  await page.locator("#pause").click();
  await page.waitForFunction(() =>
    /hello\s[\s\S]*vitrine> $/.test(window.laboratory.terminal.text),
  );
});

test("web::changes_flash_unless_motion_is_to_be_reduced", async (browser) => {
  const page = await laboratory(browser);
  for (const [reducedMotion, expected] of [
    ["reduce", false],
    ["no-preference", true],
  ]) {
    await page.emulateMedia({ reducedMotion });
    // What changed during the boot is marked for a moment.
    await nothingFlashes(page);
    const flashed = await page.evaluate(async () => {
      const { lab, picture } = window.laboratory;
      let flashed = false;
      const show = Object.getPrototypeOf(picture).show;
      picture.show = (processes) => {
        show.call(picture, processes);
        for (const card of picture.cards.values())
          for (const row of card.rows.values()) flashed ||= row.flashing !== null;
      };
      await lab.run("lazy");
      return flashed;
    });
    assert.equal(flashed, expected, reducedMotion);
  }
});

test("web::the_emulators_panic_is_explained_and_the_machine_starts_again", async (browser) => {
  const page = await laboratory(browser);
  await page.evaluate(() => window.laboratory.machine.type("faults\r"));
  await page.locator("#notice").waitFor();
  assert.match(await page.locator("#notice").innerText(), /emulator stopped, not the kernel/);
  await shoot(page, "panic-1280");
  await page.locator("#restart").click();
  await page.waitForFunction(
    () => window.laboratory.terminal.isAtPrompt && document.getElementById("notice").hidden,
  );
  await page.evaluate(() => window.laboratory.machine.type("exit\r"));
  await page.locator("#notice").waitFor();
  assert.match(await page.locator("#notice").innerText(), /The machine is off/);
});

test("web::a_browser_without_webassembly_gets_a_sentence", async (browser) => {
  const page = await emptyPage(browser);
  await page.addInitScript(() => {
    delete window.WebAssembly;
  });
  await page.goto(url);
  await page.getByText("This browser has no WebAssembly").waitFor();
});

test("web::every_link_leads_to_a_page", async (browser) => {
  const page = await laboratory(browser);
  const links = await page
    .locator("a[href]")
    .evaluateAll((all) => [...new Set(all.map((link) => link.href.split("#")[0]))]);
  assert.ok(links.length > 15, `${links}`);
  for (const link of links) assert.equal((await fetch(link)).status, 200, link);
});

test("web::the_picture_is_drawn_once_a_frame_at_most", async (browser) => {
  const page = await laboratory(browser);
  await page.evaluate(() => window.laboratory.lab.run("forktree 2"));
  const { shown, frames } = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const { picture } = window.laboratory;
        let shown = 0,
          frames = 0;
        const show = picture.show.bind(picture);
        picture.show = (processes) => {
          shown += 1;
          show(processes);
        };
        window.laboratory.lab.run("lazy");
        const count = () =>
          ++frames < 60 ? requestAnimationFrame(count) : resolve({ shown, frames });
        requestAnimationFrame(count);
      }),
  );
  assert.ok(shown > 0 && shown <= frames + 1, `${shown} pictures in ${frames} frames`);
});

test("web::a_stopped_processs_tables_are_those_that_map_dumps", async (browser) => {
  const page = await laboratory(browser);
  // `map --hold` stops the program, prints its tables, and leaves it stopped until a key is
  // pressed.
  await page.evaluate(() => window.laboratory.machine.type("map --dump --hold sh\r"));
  await page.waitForFunction(() => /\nend\n/.test(window.laboratory.terminal.text));
  const { printed, read } = await page.evaluate(() => {
    const { asText, history, terminal } = window.laboratory;
    const printed = terminal.text.match(/vitrine-snapshot 1\n[\s\S]*?\nend\n/)[0];
    const id = parseInt(printed.match(/\nprocess (\w{8})/)[1], 16);
    return { printed, read: asText(history.newest.processes.find((process) => process.id === id)) };
  });
  // Who reads a table through a view sets A in its directory entry; the name is not the kernel's.
  const entries = (text) =>
    text
      .split("\n")
      .filter((line) => /^[dt] /.test(line))
      .map((line) =>
        line.replace(
          /^(d \w{3} )(\w{8})$/,
          (_, head, word) => head + (parseInt(word, 16) & ~0x20).toString(16).padStart(8, "0"),
        ),
      );
  const leaves = entries(read).filter((line) => line.startsWith("t "));
  assert.ok(leaves.length > 20, `${leaves.length} leaves`);
  assert.deepEqual(entries(read), entries(printed));
});

async function assertNothingWrong(page) {
  assert.deepEqual(page.wrongs, []);
}
