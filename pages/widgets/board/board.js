// The threshold board: counts come once, exact, by run, class and threshold of a grid; everything that moves
// under the finger is computed from them here, by the rules of sedcore/evaluation/averages.py. On release the
// page is told. All text is set by textContent: names come from people.
//
// data: {edit, version, grid [G], counts (base64 of deflated little-endian tp then fp, each (runs, classes, G)),
//   bytes (2 or 4 a count), runs [{label, color, glyph, group, baseline, clips, positives [classes; -1: no
//   such class], samples [[P, R, F1] x G] or null}], classes [{name, title}], threshold, own {class: threshold},
//   baselines [{label, values {average: [F1, P, R]}}],
//   exact {tp [runs][classes], fp, samples [runs][P, R, F1]} at the thresholds in force}

const AVERAGES = ["macro", "micro", "weighted", "samples"];
const PARTS = ["F1", "P", "R"];
const MEASURES = { f1: "F1", precision: "Precision", recall: "Recall", counts: "Counts" };
const DASH = "–", MINUS = "−";
const TITLES = { macro: "Macro", micro: "Micro", weighted: "Weighted", samples: "Samples" };
const MEANINGS = {
  macro: "Mean over classes: a rare class weighs as much as a frequent one. The ranking is by macro F1.",
  micro: "Counts of all classes pooled: frequent classes weigh most.",
  weighted: "Mean over classes by their number of positive clips.",
  samples: "Mean over clips. It needs the clips: it moves with the slider for all, and follows on release " +
    "where classes are locked.",
};
const KEY_PAUSE_MS = 250; // keys that follow each other are one move

const boards = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  let board = boards.get(parentElement);
  if (!board) boards.set(parentElement, (board = new Board(parentElement)));
  board.tell = (moved) => component.setTriggerValue("moved", moved);
  board.receive(data);
  return () => board.rest();
}

// ---- the board -----------------------------------------------------------------------------------------------

class Board {
  constructor(host) {
    this.root = host.appendChild(element("div", "board waiting"));
    this.version = null;
    this.edit = 0; // the last move told to the page
    this.history = [];
    this.measure = "f1";
    this.rows = new Map(); // class index: its row, for those in sight
    this.moving = false;
    // What is out of sight is written when it comes into sight.
    this.sight = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) {
        target.shows.seen = isIntersecting;
        if (isIntersecting && target.shows.late) target.shows.write();
      }
    });
  }

  rest() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.pause);
    this.pause = null; // or the page's next word would be taken for an old one
  }

  async receive(data) {
    const stale = data.edit < this.edit || this.moving || this.pause; // a later move of ours is on its way
    if (data.version !== this.version) {
      this.version = data.version;
      const counts = await inflate(data.counts, data.bytes);
      if (this.version !== data.version) return; // overtaken
      const half = counts.length / 2;
      this.tp = counts.subarray(0, half);
      this.fp = counts.subarray(half);
      this.build(data);
    } else if (stale) return;
    this.adopt(data);
  }

  adopt(data) {
    this.data = data;
    // The browser draws the sliders: tell it whether the page is dark, whatever theme is chosen here.
    const [red, green, blue] = getComputedStyle(this.root).backgroundColor.match(/[\d.]+/g).map(Number);
    this.root.style.colorScheme = red + green + blue < 384 ? "dark" : "light";
    this.edit = Math.max(this.edit, data.edit);
    const before = this.now;
    this.set({ threshold: data.threshold, own: copied(data.own) }, true);
    if (before && !same(before, this.now)) this.remember(before);
    this.step();
  }

  // Thresholds in force. `told`: the page knows them and has sent the counts there, on the grid or not.
  set(now, told) {
    const { classes, grid } = this.data;
    this.now = now;
    this.told = told;
    this.at = this.at || new Int32Array(classes.length);
    for (let c = 0; c < classes.length; c++) {
      this.at[c] = told ? -1 : this.place(this.thresholdOf(c)); // -1: the exact counts of the page
    }
    this.common = grid.indexOf(now.threshold); // -1 between the points of the grid
  }

  thresholdOf(c) {
    return this.now.own[this.data.classes[c].name] ?? this.now.threshold;
  }

  thresholdAt(c) { // -1: the one for all
    return c < 0 ? this.now.threshold : this.thresholdOf(c);
  }

  held(c) {
    return this.data.classes[c].name in this.now.own;
  }

  place(threshold) { // of the nearest point of the grid
    const grid = this.data.grid, last = grid.length - 1;
    const guess = Math.round(((threshold - grid[0]) / (grid[last] - grid[0] || 1)) * last);
    return Math.min(Math.max(guess, 0), last);
  }

  counted(r, c) {
    const { grid, classes, exact } = this.data;
    if (this.at[c] < 0) return [exact.tp[r][c], exact.fp[r][c]];
    const k = (r * classes.length + c) * grid.length + this.at[c];
    return [this.tp[k], this.fp[k]];
  }

  // -- moving ---------------------------------------------------------------------------------------------------

  move(c, threshold, settled) {
    const now = { threshold: this.now.threshold, own: copied(this.now.own) };
    if (c < 0) now.threshold = threshold;
    else now.own[this.data.classes[c].name] = threshold;
    this.change(now, settled);
  }

  change(now, settled) {
    if (!this.before) this.before = this.now;
    const told = this.told;
    const was = this.now, at = this.at.slice();
    this.set(now, false);
    // Classes that did not move keep the exact counts that the page sent for them.
    for (let c = 0; told && c < at.length; c++) {
      const name = this.data.classes[c].name;
      if ((was.own[name] ?? was.threshold) === this.thresholdOf(c)) this.at[c] = at[c];
    }
    this.told = told && same(was, now);
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.step());
    clearTimeout(this.pause);
    this.pause = null;
    if (settled) this.settle();
    else if (!this.moving) this.pause = setTimeout(() => this.settle(), KEY_PAUSE_MS);
  }

  settle() {
    clearTimeout(this.pause);
    this.pause = null;
    if (this.found) this.writeLate();
    const before = this.before;
    this.before = null;
    if (!before || same(before, this.now)) return;
    this.remember(before);
    this.edit += 1;
    this.tell({ edit: this.edit, threshold: this.now.threshold, own: this.now.own });
  }

  remember(before) {
    this.history.push(before);
    if (this.history.length > 50) this.history.shift();
    this.undoButton.disabled = false;
  }

  undo() {
    const before = this.history.pop();
    this.undoButton.disabled = !this.history.length;
    if (!before) return;
    this.change(before, false);
    clearTimeout(this.pause);
    this.pause = null;
    this.before = null;
    this.edit += 1;
    this.tell({ edit: this.edit, threshold: before.threshold, own: before.own });
  }

  hold(c) {
    const own = copied(this.now.own), name = this.data.classes[c].name;
    if (name in own) delete own[name];
    else own[name] = this.now.threshold;
    this.change({ threshold: this.now.threshold, own }, true);
  }

  async copy() {
    const thresholds = copied({});
    this.data.classes.forEach(({ name }, c) => (thresholds[name] = this.thresholdOf(c)));
    const text = JSON.stringify({ thresholds }, null, 1);
    try {
      await navigator.clipboard.writeText(text);
      this.say("Copied");
    } catch { // pages that are not served safely may not touch the clipboard
      this.copied.value = text;
      this.copied.hidden = false;
      this.copied.select();
    }
  }

  say(words) {
    this.words.textContent = words;
    clearTimeout(this.forget);
    this.forget = setTimeout(() => (this.words.textContent = ""), 2000);
  }

  // -- building ---------------------------------------------------------------------------------------------------

  build(data) {
    this.data = data;
    this.at = null;
    this.now = null;
    this.sight.disconnect();
    this.rows.clear();
    this.root.replaceChildren(this.head(), this.ranking(), this.classHead(), this.classBody());
    this.root.classList.remove("waiting");
    this.watch?.disconnect();
    this.watch = new ResizeObserver(() => this.fit());
    this.watch.observe(this.root);
    this.fit();
  }

  head() {
    const head = element("div", "head");
    const line = head.appendChild(element("div", "common"));
    line.append(element("b", "", "All classes"));
    this.commonSlider = line.appendChild(this.slider(-1, "Threshold for all classes"));
    this.commonNumber = line.appendChild(this.number(-1, "Threshold for all classes, as a number"));
    const tools = head.appendChild(element("div", "tools"));
    for (const value of [0.1, 0.5]) {
      if (value < this.data.grid[0] || value > this.data.grid.at(-1)) continue;
      tools.append(button(value.toFixed(1), `Set every class to ${value.toFixed(1)}`, () =>
        this.change({ threshold: value, own: copied({}) }, true)));
    }
    this.freeButton = tools.appendChild(button("Unlock all", "Every class follows the slider for all again", () =>
      this.change({ threshold: this.now.threshold, own: copied({}) }, true)));
    this.undoButton = tools.appendChild(button("Undo", "Back to the thresholds before the last move", () => this.undo()));
    this.undoButton.disabled = !this.history.length;
    tools.append(button("Copy JSON", "Copy the threshold of each class", () => this.copy()));
    this.words = tools.appendChild(element("span", "words"));
    this.copied = tools.appendChild(element("textarea"));
    this.copied.hidden = true;
    return head;
  }

  slider(c, label) {
    const slider = element("input");
    slider.type = "range";
    slider.min = 0;
    slider.max = this.data.grid.length - 1;
    slider.step = 1;
    slider.setAttribute("aria-label", label);
    slider.addEventListener("pointerdown", () => {
      this.moving = true;
      this.root.classList.add("moving");
    });
    for (const end of ["pointerup", "pointercancel", "blur"]) {
      slider.addEventListener(end, () => {
        if (!this.moving) return;
        this.moving = false;
        this.root.classList.remove("moving");
        this.settle();
      });
    }
    slider.addEventListener("input", () => this.move(c, this.data.grid[slider.valueAsNumber], false));
    slider.addEventListener("keydown", (event) => {
      const far = { PageUp: 10, PageDown: -10 }[event.key];
      if (!far) return;
      event.preventDefault(); // browsers differ in how far it goes
      slider.valueAsNumber += far;
      this.move(c, this.data.grid[slider.valueAsNumber], false);
    });
    return slider;
  }

  number(c, label) {
    const input = element("input", "number");
    input.type = "text";
    input.inputMode = "decimal";
    input.setAttribute("aria-label", label);
    const shown = () => this.write(this.thresholdAt(c));
    const commit = () => {
      const value = Number(input.value.trim().replace(",", ".").replace(MINUS, "-"));
      if (input.value.trim() === "" || !Number.isFinite(value)) input.value = shown();
      else if (input.value !== shown()) this.move(c, value, true);
    };
    input.addEventListener("focus", () => input.select());
    input.addEventListener("blur", commit);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") commit();
      else if (event.key === "Escape") input.value = shown();
      else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
        event.preventDefault();
        const threshold = this.thresholdAt(c);
        const next = this.place(threshold) + (event.key === "ArrowUp" ? 1 : -1);
        const grid = this.data.grid;
        this.move(c, grid[Math.min(Math.max(next, 0), grid.length - 1)], false);
      }
    });
    return input;
  }

  write(threshold) { // as format.threshold: two decimals at least, no more than four digits need
    let text = Number(threshold.toPrecision(4)).toString();
    if (!text.includes("e")) {
      const [before, after = ""] = text.split(".");
      text = `${before}.${after.padEnd(2, "0")}`;
    }
    return text.replace("-", MINUS);
  }

  // Names on the left, numbers on the right in a panel that scrolls sideways: nothing is positioned, which is what
  // painting a frame costs most.
  ranking() {
    const table = element("div", "ranking");
    this.nameLines = table.appendChild(element("div", "lefts"));
    this.numberLines = table.appendChild(element("div", "numbers"));
    const left = this.nameLines.appendChild(element("div", "line names"));
    left.append(element("div", "rank"), element("div", "run", "Run"));
    const head = this.numberLines.appendChild(element("div", "line names"));
    for (const average of AVERAGES) {
      for (const part of PARTS) {
        const cell = head.appendChild(element("div", "cell", part === "F1" ? `${TITLES[average]} F1` : part));
        cell.title = MEANINGS[average];
        if (part === "F1" && average !== "macro") cell.classList.add("first");
        if (average === "macro" && part === "F1") {
          const delta = head.appendChild(element("div", "cell", "Δ"));
          delta.title = "Macro F1 minus that of the baseline, at the same thresholds.";
        }
      }
    }
    this.lines = this.data.runs.map((run, r) => this.line(run, r));
    for (const { left, right } of this.lines) {
      this.nameLines.append(left);
      this.numberLines.append(right);
    }
    for (const baseline of this.data.baselines) this.baseline(baseline);
    return table;
  }

  // What one gets without listening: under the runs, at no threshold.
  baseline({ label, values }) {
    const left = this.nameLines.appendChild(element("div", "line trivial"));
    const right = this.numberLines.appendChild(element("div", "line trivial"));
    left.append(element("div", "rank"), element("div", "run", label));
    for (const average of AVERAGES) {
      PARTS.forEach((part, p) => {
        const cell = right.appendChild(numberCell(false));
        if (part === "F1" && average !== "macro") cell.classList.add("first");
        writeScore(cell, values[average][p] ?? NaN);
        if (average === "macro" && part === "F1") write(right.appendChild(numberCell(false)), DASH, NaN);
      });
    }
  }

  line(run, r) {
    const name = element("div", "run");
    name.append(runMark(run), element("span", "label", run.label + (run.baseline ? " ★" : "")));
    name.title = run.label;
    const left = element("div", "line"), rank = left.appendChild(element("div", "rank"));
    left.append(name);
    const right = element("div", "line"), cells = {};
    for (const average of AVERAGES) {
      for (const part of PARTS) {
        const cell = (cells[`${average} ${part}`] = right.appendChild(numberCell(part === "F1")));
        if (part === "F1" && average !== "macro") cell.classList.add("first");
        cell.dataset.cell = `${average} ${part}`;
        if (average === "macro" && part === "F1") {
          (cells.delta = right.appendChild(numberCell(false))).classList.add("delta");
        }
      }
    }
    left.dataset.run = right.dataset.run = run.id;
    this.sight.observe(right);
    return (right.shows = { left, right, rank, cells, write: () => this.writeLine(r) });
  }

  classHead() {
    const head = element("div", "classHead");
    const left = head.appendChild(element("div", "left"));
    left.append(element("b", "", "Each class"));
    const picker = left.appendChild(element("div", "measures"));
    picker.setAttribute("role", "group");
    this.measureButtons = {};
    for (const [measure, title] of Object.entries(MEASURES)) {
      const titles = { counts: "Hits, misses, false alarms, clips rightly left out" };
      this.measureButtons[measure] = picker.appendChild(button(title, titles[measure] || title, () => {
        this.measure = measure;
        this.fit();
      }));
    }
    if (this.data.classes.length > 20) {
      this.search = left.appendChild(element("input", "search"));
      this.search.type = "search";
      this.search.placeholder = "Find a class";
      this.search.addEventListener("input", () => this.fit());
    } else this.search = null;
    return head;
  }

  classBody() {
    this.scroll = element("div", "classes");
    this.lefts = this.scroll.appendChild(element("div", "lefts"));
    this.cells = this.scroll.appendChild(element("div", "numbers"));
    this.scroll.addEventListener("scroll", () => this.show(), { passive: true });
    return this.scroll;
  }

  // Which classes are there, how high a row is, and the names over the columns.
  fit() {
    for (const [measure, made] of Object.entries(this.measureButtons)) {
      made.setAttribute("aria-pressed", measure === this.measure);
    }
    const wanted = (this.search?.value || "").trim().toLowerCase();
    this.listed = this.data.classes.flatMap(({ title }, c) => (title.toLowerCase().includes(wanted) ? [c] : []));
    this.root.classList.toggle("narrow", this.root.clientWidth < 640);
    this.root.classList.toggle("counting", this.measure === "counts");
    this.names = element("div", "row names");
    for (const run of this.data.runs) {
      const cell = this.names.appendChild(element("div", "cell"));
      cell.append(runMark(run), element("span", "label", run.label));
      cell.title = run.label;
    }
    this.rowHeight = this.root.classList.contains("narrow") ? 56 : this.measure === "counts" ? 40 : 32;
    this.scroll.style.maxHeight = `${this.rowHeight * 16.5 + 30}px`;
    for (const row of this.rows.values()) this.sight.unobserve(row.right);
    this.rows.clear();
    this.lefts.replaceChildren(element("div", "row names"));
    this.cells.replaceChildren(this.names);
    this.show();
  }

  // Rows in sight, and a few beside them; the height of the others is kept by margins.
  show() {
    const top = this.scroll.scrollTop, many = Math.ceil(this.scroll.clientHeight / this.rowHeight) + 6;
    const from = Math.min(Math.max(Math.floor(top / this.rowHeight) - 3, 0), Math.max(this.listed.length - many, 0));
    const wanted = this.listed.slice(from, from + many), kept = new Set(wanted);
    for (const [c, row] of this.rows) {
      if (kept.has(c)) continue;
      this.rows.delete(c);
      this.sight.unobserve(row.right);
      row.left.remove();
      row.right.remove();
    }
    let before = this.lefts.firstChild.nextSibling, beside = this.names.nextSibling;
    for (const c of wanted) { // those that stay are not touched: one of them may have the focus
      let row = this.rows.get(c);
      if (row) [before, beside] = [row.left.nextSibling, row.right.nextSibling];
      else {
        this.rows.set(c, (row = this.row(c)));
        this.lefts.insertBefore(row.left, before);
        this.cells.insertBefore(row.right, beside);
        if (this.now) this.writeRow(row);
        this.sight.observe(row.right);
      }
    }
    const above = from * this.rowHeight, below = (this.listed.length - from - wanted.length) * this.rowHeight;
    for (const column of [this.lefts, this.cells]) {
      column.firstChild.style.marginBottom = `${above}px`;
      column.style.paddingBottom = `${Math.max(below, 0)}px`;
    }
  }

  row(c) {
    const { name, title } = this.data.classes[c];
    const left = element("div", "row"), right = element("div", "row");
    left.dataset.class = right.dataset.class = name;
    const row = { c, left, right };
    left.appendChild(element("span", "title", title)).title = title;
    row.slider = left.appendChild(this.slider(c, `Threshold of ${title}`));
    row.number = left.appendChild(this.number(c, `Threshold of ${title}, as a number`));
    row.lock = left.appendChild(button("", "", () => this.hold(c), "lock"));
    row.cells = this.data.runs.map(() => {
      if (this.measure !== "counts") return right.appendChild(numberCell(true));
      const cell = right.appendChild(element("div", "cell four"));
      cell.four = ["tp", "fn", "fp", "tn"].map((kind) => {
        const part = cell.appendChild(element("span", kind));
        part.textNode = part.appendChild(document.createTextNode(""));
        return part;
      });
      return cell;
    });
    row.write = () => {
      this.writeLeft(row);
      this.writeCells(row);
    };
    right.shows = row;
    return row;
  }

  // -- a step: all that follows from the thresholds ---------------------------------------------------------------

  step() {
    const began = performance.now();
    const { threshold, own } = this.now;
    if (!focused(this.commonNumber)) this.commonNumber.value = this.write(threshold);
    const place = this.place(threshold);
    if (this.commonSlider.valueAsNumber !== place) this.commonSlider.valueAsNumber = place;
    this.commonSlider.setAttribute("aria-valuetext", this.write(threshold));
    this.freeButton.disabled = !Object.keys(own).length;
    this.rank();
    for (const row of this.rows.values()) this.writeRow(row);
    if (!this.moving) this.writeLate();
    this.root.dataset.stepMs = (performance.now() - began).toFixed(2);
    this.root.dataset.steps = Number(this.root.dataset.steps || 0) + 1;
  }

  averages(r) {
    const { classes, runs } = this.data, positives = runs[r].positives;
    const n = classes.length;
    const f1 = [], precision = [], recall = [], f1Weighted = [], pWeighted = [], rWeighted = [];
    let tps = 0, fps = 0, all = 0;
    for (let c = 0; c < n; c++) {
      const here = positives[c];
      if (here < 0) continue;
      const [tp, fp] = this.counted(r, c);
      tps += tp;
      fps += fp;
      all += here;
      if (here === 0) continue;
      const [f, p, s] = scoresOf(tp, fp, here);
      f1.push(f); precision.push(p); recall.push(s);
      f1Weighted.push(f * here); pWeighted.push(p * here); rWeighted.push(s * here);
    }
    const mean = (values, of) => (of ? exactSum(values, values.length) / of : NaN);
    return {
      macro: [mean(f1, f1.length), mean(precision, f1.length), mean(recall, f1.length)],
      micro: scoresOf(tps, fps, all),
      weighted: [mean(f1Weighted, all), mean(pWeighted, all), mean(rWeighted, all)],
      samples: this.samples(r),
    };
  }

  // F1, P, R of the samples average; null while only the page can know it.
  samples(r) {
    const { runs, exact } = this.data;
    const curve = runs[r].samples;
    if (this.told) return [exact.samples[r][2], exact.samples[r][0], exact.samples[r][1]];
    if (Object.keys(this.now.own).length || this.common < 0 || !curve) return null;
    const [p, s, f] = curve[this.common];
    return [f, p, s];
  }

  rank() {
    const { runs } = this.data;
    const found = (this.found = runs.map((_, r) => this.averages(r)));
    const value = (r) => (Number.isNaN(found[r].macro[0]) ? -1 : found[r].macro[0]);
    const order = runs.map((_, r) => r).sort((a, b) => runs[a].group - runs[b].group || value(b) - value(a) || a - b);
    // Placed by a style: lines that move in the document would be laid out and painted anew.
    order.forEach((r, k) => {
      const line = this.lines[r], apart = k > 0 && runs[r].group !== runs[order[k - 1]].group;
      if (line.order === k && line.apart === apart) return;
      [line.order, line.apart] = [k, apart]; // runs that do not compare stand apart
      for (const half of [line.left, line.right]) {
        half.style.order = k + 1;
        half.classList.toggle("apart", apart);
      }
    });
    let placed = 0, ranked = 0;
    order.forEach((r, k) => {
      const before = order[k - 1];
      placed = k > 0 && runs[r].group === runs[before].group ? placed + 1 : 1;
      if (placed === 1 || three(found[r].macro[0]) !== three(found[before].macro[0])) ranked = placed;
      this.lines[r].place = ranked;
    });
    for (const line of this.lines) {
      line.late = true;
      if (line.seen) line.write();
    }
    for (const average of AVERAGES) {
      PARTS.forEach((part, p) => {
        const shown = runs.map((run, r) => (found[r][average] ? three(found[r][average][p]) : DASH));
        markBest(runs, shown, (r) => this.lines[r].cells[`${average} ${part}`]);
      });
    }
  }

  writeLine(r) {
    const { runs } = this.data, line = this.lines[r], { rank, cells } = line;
    line.late = false;
    if (rank.shown !== line.place) rank.textContent = rank.shown = line.place;
    for (const average of AVERAGES) {
      const values = this.found[r][average];
      PARTS.forEach((part, p) => {
        const cell = cells[`${average} ${part}`];
        if (cell.later !== !values) cell.classList.toggle("later", (cell.later = !values));
        if (values) writeScore(cell, values[p]);
      });
    }
    const base = runs.findIndex((run) => run.baseline);
    const comparable = base >= 0 && r !== base && runs[r].group === runs[base].group;
    const delta = comparable ? this.found[r].macro[0] - this.found[base].macro[0] : NaN;
    write(cells.delta, signed(delta), delta);
  }

  writeLate() {
    for (const shown of [...this.lines, ...this.rows.values()]) if (shown.late) shown.write();
  }

  // Rows out of sight wait for the release, or until they come into sight.
  writeRow(row) {
    row.late = true;
    if (row.seen || !this.moving) row.write();
  }

  writeLeft(row) {
    const c = row.c, threshold = this.thresholdOf(c), held = this.held(c);
    const text = this.write(threshold), place = this.place(threshold);
    if (row.slider.valueAsNumber !== place) row.slider.valueAsNumber = place;
    if (row.shown !== text) {
      row.shown = text;
      row.slider.setAttribute("aria-valuetext", text);
    }
    if (row.number.value !== text && !focused(row.number)) row.number.value = text;
    if (row.held === held) return;
    row.held = held;
    row.left.classList.toggle("held", held);
    row.lock.setAttribute("aria-pressed", held);
    row.lock.title = held ? "Locked: the slider for all leaves it. Click to unlock." : "Lock at this threshold";
    row.lock.setAttribute("aria-label", `${held ? "Unlock" : "Lock"} ${this.data.classes[c].title}`);
  }

  writeCells(row) {
    const { runs } = this.data, c = row.c;
    row.late = false;
    const part = { f1: 0, precision: 1, recall: 2 }[this.measure];
    const shown = [];
    for (let r = 0; r < runs.length; r++) {
      const cell = row.cells[r], positives = runs[r].positives[c];
      if (positives < 0) {
        if (cell.four) cell.four.forEach((one) => write(one, DASH, NaN));
        else writeScore(cell, NaN);
        shown.push(DASH);
        continue;
      }
      const [tp, fp] = this.counted(r, c);
      if (!cell.four) {
        writeScore(cell, scoresOf(tp, fp, positives)[part]);
        shown.push(cell.shown);
        continue;
      }
      const numbers = [tp, positives - tp, fp, runs[r].clips - positives - fp];
      cell.four.forEach((one, k) => write(one, whole(numbers[k]), numbers[k]));
    }
    if (part !== undefined) markBest(runs, shown, (r) => row.cells[r]);
  }
}
