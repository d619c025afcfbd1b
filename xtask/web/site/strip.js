// Draws a strip of cells on a canvas: a row of the picture, the toy machine's tables, a sample of the legend.

/** Device pixels a cell needs for a gap, a mark, a letter. */
const GAP_FROM = 4, MARK_FROM = 6, LETTER_FROM = 15;

/** Classes that are nearly black: tables, and the entry that names the directory. */
const EDGED = "t@";

/** Marks for those who see no colours: drawn in the class's text colour. */
const MARKS = {
  d: (box) => box.dot(),
  w: (box) => box.line(0, 1, 1, 0),
  h: (box) => box.line(0, 0.5, 1, 0.5),
  s: (box) => box.line(0.5, 0, 0.5, 1),
  o: (box) => box.frame(),
  v: (box) => { box.line(0, 1, 1, 0); box.line(0, 0, 1, 1); },
  "@": (box) => box.frame(),
};

/**
 * Sets the size of a canvas for `count` cells in lines of `columns`, as wide as fits into `width` CSS pixels.
 * Returns where a cell is, in CSS pixels.
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
  }
  return { columns, count, size: cell / scale, pixels: cell };
}

/** The box of a cell within its canvas, in CSS pixels. */
export function boxOf(grid, at) {
  const x = (at % grid.columns) * grid.size, y = Math.floor(at / grid.columns) * grid.size;
  return { x, y, size: grid.size };
}

/** The cell at a point of the canvas, or null. */
export function cellAt(grid, x, y) {
  const column = Math.floor(x / grid.size), line = Math.floor(y / grid.size);
  const at = line * grid.columns + column;
  return column >= 0 && column < grid.columns && at >= 0 && at < grid.count ? at : null;
}

/**
 * Draws every cell. `shownAt(at)` is what cell `at` shows: letter, color, dark, and, where it is not the letter, a text.
 * `isChanged(at)` marks cells that have just changed.
 */
export function draw(canvas, grid, shownAt, isChanged = () => false) {
  const context = canvas.getContext("2d");
  const { pixels, columns, count } = grid;
  const gap = pixels >= GAP_FROM ? Math.max(1, Math.round(pixels / 10)) : 0;
  const inner = pixels - gap;
  const style = getComputedStyle(canvas);
  // An absent cell is as dark as a dark page; all other colours are the same in both.
  const absent = style.getPropertyValue("--absent");
  // On a dark page the darkest classes need an edge.
  const edge = style.getPropertyValue("--edge").trim();
  const flash = style.getPropertyValue("--flash");
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (let at = 0; at < count; at++) {
    const shown = shownAt(at);
    const x = (at % columns) * pixels, y = Math.floor(at / columns) * pixels;
    context.fillStyle = (shown.letter === "." && absent) || shown.color;
    context.fillRect(x, y, inner, inner);
    if (edge && EDGED.includes(shown.letter) && pixels >= GAP_FROM) {
      context.strokeStyle = edge;
      context.lineWidth = 1;
      context.strokeRect(x + 0.5, y + 0.5, inner - 1, inner - 1);
    }
    const ink = shown.dark ? "#ffffff" : "#000000";
    if (shown.text !== undefined || (pixels >= LETTER_FROM && shown.letter !== ".")) {
      write(context, shown.text ?? shown.letter, x, y, inner, shown.letter === "." ? "" : ink);
    } else if (pixels >= MARK_FROM) {
      MARKS[shown.letter]?.(new Box(context, x, y, inner, ink));
    }
    if (isChanged(at)) {
      context.strokeStyle = flash;
      context.lineWidth = Math.max(1, Math.round(pixels / 5));
      context.strokeRect(x + 0.5, y + 0.5, inner - 1, inner - 1);
    }
  }
}

function write(context, text, x, y, inner, ink) {
  context.fillStyle = ink || getComputedStyle(context.canvas).color;
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
