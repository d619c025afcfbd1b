// Draws a strip of cells on a canvas: a row of the picture, the toy machine's tables, a sample of
// the legend.

/** Device pixels a cell needs for a gap, a mark, a letter. */
const GAP_FROM = 4,
  MARK_FROM = 6,
  LETTER_FROM = 15;

/** Classes that are nearly black: tables, and the entry that names the directory. */
const EDGED = "t@";

/** Marks for those who see no colours: drawn in the class's text colour. */
const MARKS = {
  d: (box) => box.dot(),
  w: (box) => box.line(0, 1, 1, 0),
  h: (box) => box.line(0, 0.5, 1, 0.5),
  s: (box) => box.line(0.5, 0, 0.5, 1),
  o: (box) => box.frame(),
  v: (box) => {
    box.line(0, 1, 1, 0);
    box.line(0, 0, 1, 1);
  },
  "@": (box) => box.frame(),
};

/**
 * Sets the size of a canvas for `count` cells in lines of `columns`, as wide as fits into `width`
 * CSS pixels. Returns where a cell is, in CSS pixels.
 */
export function layOut(canvas, count, columns, width, largest = 16) {
  const scale = window.devicePixelRatio || 1;
  const cell = Math.max(1, Math.floor(Math.min((width * scale) / columns, largest * scale)));
  const lines = Math.ceil(count / columns);
  if (canvas.width !== cell * columns || canvas.height !== cell * lines) {
    canvas.width = cell * columns;
    canvas.height = cell * lines;
    canvas.style.width = `${canvas.width / scale}px`;
    canvas.style.height = `${canvas.height / scale}px`;
    // Setting the size has cleared the canvas.
    canvas.drawn = null;
  }
  return { columns, count, size: cell / scale, pixels: cell };
}

/** The box of a cell within its canvas, in CSS pixels. */
export function boxOf(grid, at) {
  const x = (at % grid.columns) * grid.size,
    y = Math.floor(at / grid.columns) * grid.size;
  return { x, y, size: grid.size };
}

/** The cell at a point of the canvas, or null. */
export function cellAt(grid, x, y) {
  const column = Math.floor(x / grid.size),
    line = Math.floor(y / grid.size);
  const at = line * grid.columns + column;
  return column >= 0 && column < grid.columns && at >= 0 && at < grid.count ? at : null;
}

/** The page's own colours, read once for each theme: asking for a style is slow. */
let theme = null;
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  theme = null;
});

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(name).trim();
  // An absent cell is as dark as a dark page, where the darkest classes need an edge; all other
  // colours are the same.
  return {
    absent: color("--absent"),
    edge: color("--edge"),
    flash: color("--flash"),
    ink: color("--ink"),
  };
}

/**
 * Draws the cells that look different from what is on the canvas. `shownAt(at)` is what cell `at`
 * shows: letter, color, dark, and, where it is not the letter, a text. `isChanged(at)` marks cells
 * that have just changed.
 */
export function draw(canvas, grid, shownAt, isChanged = () => false) {
  theme ??= readTheme();
  const { pixels, columns, count } = grid;
  const context = canvas.getContext("2d");
  const size = `${canvas.width} ${canvas.height}`;
  if (canvas.drawn?.theme !== theme || canvas.drawn.size !== size) {
    context.clearRect(0, 0, canvas.width, canvas.height);
    canvas.drawn = { theme, size, looks: [] };
  }
  const { looks } = canvas.drawn;
  for (let at = 0; at < count; at++) {
    const shown = shownAt(at),
      changed = isChanged(at);
    const look = `${shown.letter}${shown.text ?? ""}${changed ? "!" : ""}`;
    if (looks[at] === look) continue;
    looks[at] = look;
    drawCell(
      context,
      (at % columns) * pixels,
      Math.floor(at / columns) * pixels,
      pixels,
      shown,
      changed,
    );
  }
}

function drawCell(context, x, y, pixels, shown, changed) {
  const isAbsent = shown.letter === ".";
  const inner = pixels - (pixels >= GAP_FROM ? Math.max(1, Math.round(pixels / 10)) : 0);
  const ink = isAbsent ? theme.ink : shown.dark ? "#ffffff" : "#000000";
  context.clearRect(x, y, pixels, pixels);
  context.fillStyle = (isAbsent && theme.absent) || shown.color;
  context.fillRect(x, y, inner, inner);
  if (theme.edge && EDGED.includes(shown.letter) && pixels >= GAP_FROM)
    frame(context, x, y, inner, theme.edge, 1);
  if (shown.text !== undefined || (pixels >= LETTER_FROM && !isAbsent)) {
    write(context, shown.text ?? shown.letter, x, y, inner, ink);
  } else if (pixels >= MARK_FROM) {
    MARKS[shown.letter]?.(new Box(context, x, y, inner, ink));
  }
  if (changed) frame(context, x, y, inner, theme.flash, Math.max(1, Math.round(pixels / 5)));
}

/** A frame just inside a cell. */
function frame(context, x, y, inner, color, width) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.strokeRect(x + width / 2, y + width / 2, inner - width, inner - width);
}

function write(context, text, x, y, inner, ink) {
  context.fillStyle = ink;
  context.font = `${Math.floor(inner * 0.62)}px ui-monospace, monospace`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x + inner / 2, y + inner / 2 + 0.5);
}

/** The inside of a cell, in parts from 0 to 1, with a margin. */
class Box {
  constructor(context, x, y, size, ink) {
    this.context = context;
    this.margin = Math.max(1, size / 5);
    this.x = x + this.margin;
    this.y = y + this.margin;
    this.size = size - 2 * this.margin;
    context.strokeStyle = context.fillStyle = ink;
    context.lineWidth = Math.max(1, size / 8);
  }

  line(fromX, fromY, toX, toY) {
    const { context, x, y, size } = this;
    context.beginPath();
    context.moveTo(x + fromX * size, y + fromY * size);
    context.lineTo(x + toX * size, y + toY * size);
    context.stroke();
  }

  dot() {
    const { context, x, y, size } = this;
    context.beginPath();
    context.arc(x + size / 2, y + size / 2, size / 4, 0, 7);
    context.fill();
  }

  frame() {
    this.context.strokeRect(this.x, this.y, this.size, this.size);
  }
}
