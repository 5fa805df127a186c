// Small parts of the board: elements, and the numbers of its lines.

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, title, act, className = "") {
  const made = element("button", className, text);
  made.type = "button";
  made.title = title;
  made.addEventListener("click", act);
  return made;
}

function runMark(run) {
  const mark = element("span", "mark", run.glyph);
  mark.style.color = run.color;
  return mark;
}

const focused = (input) => input.getRootNode().activeElement === input;

// The same values as in board.css, for drawing on the canvas.
const NORMAL = 400, BEST = 650, LATER = 0.35;
const BAR_LEFT = 4, BAR_HEIGHT = 18, BAR_SHARE = 0.88; // px, px, of the cell's width at 1

// ---- numbers: an element each, with its text in `shown` and the unrounded number in `value` ------------------

function numeral(made) {
  made.textNode = made.appendChild(document.createTextNode(""));
  return Object.assign(made, { shown: "", value: NaN, best: false, later: false, written: {} });
}

function numberCell(bar) {
  return Object.assign(numeral(element("div", bar ? "cell bar" : "cell")), { bar });
}

function say(cell, text, value) {
  cell.shown = text;
  cell.value = value;
}

const sayScore = (cell, value) => say(cell, three(value), value);
const barShare = (cell) => (cell.bar && Number(cell.shown)) || 0;

// The document is changed only where the text differs: most numbers of a step do not.
function put(cell) {
  const { shown, best, later, written } = cell;
  if (written.shown !== shown) {
    cell.textNode.data = written.shown = shown;
    if (cell.bar) cell.style.backgroundSize = `${barShare(cell) * BAR_SHARE * 100}% ${BAR_HEIGHT}px`;
  }
  if (written.best !== best) cell.classList.toggle("best", (written.best = best));
  if (written.later !== later) cell.classList.toggle("later", (written.later = later));
}

// Marks the best of each group of runs that compare, as shown: ties are all best, a single run is not marked.
function markBest(runs, cells) {
  const best = new Map(), many = new Map();
  const shown = cells.map((cell) => (cell.later ? DASH : cell.shown));
  runs.forEach(({ group }, r) => {
    if (shown[r] === DASH) return;
    many.set(group, (many.get(group) || 0) + 1);
    if (!best.has(group) || numberOf(best.get(group)) < numberOf(shown[r])) best.set(group, shown[r]);
  });
  runs.forEach(({ group }, r) => (cells[r].best = many.get(group) > 1 && shown[r] === best.get(group)));
}
