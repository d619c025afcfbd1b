// The exhibits: for each a title, what to look at, what its button does, and where to read on.

import * as runs from "./runs.js";

/** In the order of the list. `links` are a text and a path in the source tree. */
export const EXHIBITS = [
  {
    id: "self-map",
    title: "The self map",
    look: "Row 0x3bd of the shell: each of its cells stands for a row of the picture.",
    action: "Show",
    run: runs.selfMap,
    links: [
      ["A self map on a machine with 16 pages", "docs/recursive-paging.md"],
      ["walk", "userland/programs/tools/walk.rs"],
    ],
  },
  {
    id: "allocate",
    title: "A page is allocated",
    look: "The heap rows of hog, from 0x040 on, and the cells of row 0x3bd that stand for them.",
    action: "Run hog 12M",
    run: runs.allocate,
    links: [
      ["Life of a page fault", "ARCHITECTURE.md"],
      ["hog", "userland/programs/tools/hog.rs"],
    ],
  },
  {
    id: "cow",
    title: "Fork and the first write",
    look: "Two processes of one program: pages that both share, and copies as they write.",
    action: "Run cow",
    run: runs.cow,
    links: [
      ["Life of a fork", "ARCHITECTURE.md"],
      ["cow", "userland/programs/demos/cow.rs"],
    ],
  },
  {
    id: "forktree",
    title: "A tree of forks",
    look: "Seven processes that came from one, and how few pages they have of their own.",
    action: "Run forktree 2",
    run: runs.forktree,
    links: [
      ["Life of a fork", "ARCHITECTURE.md"],
      ["forktree", "userland/programs/demos/forktree.rs"],
    ],
  },
  {
    id: "lazy",
    title: "Demand paging",
    look: "Heap, program and stack of lazy: cells that come one at a time, at the first touch.",
    action: "Run lazy",
    run: runs.lazy,
    links: [
      ["Pagers", "docs/pagers.md"],
      ["lazy", "userland/programs/demos/lazy.rs"],
    ],
  },
  {
    id: "tiny-pager",
    title: "A pager with four pages",
    look: "Row 0x040 of the child: of 24 pages four are present at a time, the rest is paged out.",
    action: "Run tiny_pager",
    run: runs.tinyPager,
    links: [
      ["How to write a pager", "docs/pagers.md"],
      ["tiny_pager", "userland/programs/demos/tiny_pager.rs"],
    ],
  },
  {
    id: "limit",
    title: "More pages than memory",
    look: "The heap of hog, which fills 3 MiB and is allowed 1 MiB.",
    action: "Run hog 3M with a limit",
    run: runs.limit,
    links: [
      ["The life of a page that is paged out", "docs/pagers.md"],
      ["hog", "userland/programs/tools/hog.rs"],
    ],
  },
  {
    id: "gc",
    title: "A collector that reads dirty bits",
    look: "The heap of gc: an old page is dirty only if written since the last collection.",
    action: "Run gc",
    run: runs.collector,
    links: [
      ["Appel and Li's primitives", "docs/appel-li.md"],
      ["gc", "userland/programs/appel-li/src/bin/gc.rs"],
    ],
  },
  {
    id: "toy",
    title: "A flush is left out",
    look: "A machine with 16 pages, and its TLB. Leave out one flush and read a freed table.",
    action: "Open the toy machine",
    run: (lab) => lab.stage("toy"),
    links: [
      ["A self map on a machine with 16 pages", "docs/recursive-paging.md"],
      ["Its test", "kernel/core/tests/toy_machine.rs"],
    ],
  },
  {
    id: "slots",
    title: "Three slots for a self map",
    look: "Where tables and directory appear for Windows's slot 0x300, and for 0x3bd and 0x3ff.",
    action: "Compute",
    run: (lab) => lab.stage("slots"),
    links: [
      ["From the toy to Vitrine", "docs/recursive-paging.md"],
      ["walk ADDRESS --slot SLOT", "userland/programs/tools/walk.rs"],
    ],
  },
];
