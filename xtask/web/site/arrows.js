// The arrows of a translation: rings around the cells that are read, and a numbered arrow for each
// step.

function svg(name, attributes, text = "") {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

export function ring(x, y, size) {
  return svg("rect", {
    class: "ring",
    x: x - 2,
    y: y - 2,
    width: size + 3,
    height: size + 3,
    rx: 2,
  });
}

/** A bent line from one point to another, with a head and the number of the step. */
export function arrow(from, to, number) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  // The bend keeps the steps apart: each leaves to its right.
  const bend = Math.min(60, length / 4);
  const middle = {
    x: (from.x + to.x) / 2 - (dy / length) * bend,
    y: (from.y + to.y) / 2 + (dx / length) * bend,
  };
  const [hx, hy] = [to.x - middle.x, to.y - middle.y];
  const h = Math.hypot(hx, hy) || 1;
  const [ux, uy] = [hx / h, hy / h];
  const tip = length < 12 ? to : { x: to.x - ux * 5, y: to.y - uy * 5 };
  const left = `${tip.x - ux * 8 - uy * 4},${tip.y - uy * 8 + ux * 4}`;
  const right = `${tip.x - ux * 8 + uy * 4},${tip.y - uy * 8 - ux * 4}`;
  const path = `M${from.x},${from.y} Q${middle.x},${middle.y} ${tip.x},${tip.y}`;
  const label = { x: (from.x + 2 * middle.x + to.x) / 4, y: (from.y + 2 * middle.y + to.y) / 4 };
  // A step that leads from a cell to itself is the fixed point: its arrow is a loop.
  const loop = `M${from.x},${from.y} c40,-50 60,10 8,4`;
  const line = length < 4 ? loop : path;
  const at = length < 4 ? { x: from.x + 40, y: from.y - 20 } : label;
  return [
    svg("path", { class: "halo", d: line }),
    svg("path", { class: "line", d: line }),
    svg("polygon", {
      class: "head",
      points: length < 4 ? "" : `${tip.x},${tip.y} ${left} ${right}`,
    }),
    svg("circle", { class: "step", cx: at.x, cy: at.y, r: 8 }),
    svg("text", { class: "number", x: at.x, y: at.y + 4 }, String(number)),
  ];
}
