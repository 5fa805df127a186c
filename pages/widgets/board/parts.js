// Small parts of the board: elements, cells that are written only where they differ.

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

// Text is written only where it differs: most cells of a step do not. The number itself stays at hand, unrounded.
function write(cell, text, value) {
  if (cell.shown !== text) {
    cell.shown = text;
    cell.textNode.data = text;
  }
  cell.value = value;
}

function numberCell(bar) {
  const cell = element("div", bar ? "cell bar" : "cell");
  cell.hasBar = bar;
  cell.textNode = document.createTextNode("");
  cell.appendChild(cell.textNode);
  return cell;
}

function writeScore(cell, value) {
  const text = three(value);
  if (cell.shown !== text && cell.hasBar) cell.style.backgroundSize = `${Number.isNaN(value) ? 0 : value * 88}% 18px`;
  write(cell, text, value);
}

// Without a prototype: a class may be named like one of its parts.
const copied = (own) => Object.assign(Object.create(null), own);
const focused = (input) => input.getRootNode().activeElement === input;

function same(a, b) {
  const names = Object.keys(a.own);
  return a.threshold === b.threshold && names.length === Object.keys(b.own).length
    && names.every((name) => a.own[name] === b.own[name]);
}

// Marks the best of each group of runs that compare, as shown: ties are all best, and one alone is none.
function markBest(runs, shown, cellOf) {
  const best = new Map(), many = new Map();
  runs.forEach(({ group }, r) => {
    if (shown[r] === DASH) return;
    many.set(group, (many.get(group) || 0) + 1);
    if (!(Number(best.get(group)) >= Number(shown[r]))) best.set(group, shown[r]);
  });
  runs.forEach(({ group }, r) => {
    const cell = cellOf(r), is = many.get(group) > 1 && shown[r] === best.get(group);
    if (cell.best !== is) cell.classList.toggle("best", (cell.best = is));
  });
}
