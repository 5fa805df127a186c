// Each class: a row with its slider and lock on the left, its number for every run on the right. Only rows in
// view and a few beside them are in the document; margins stand in for the others.

const COUNTS = { name: "counts", title: "Counts", help: "Hits, misses, false alarms, clips rightly left out" };
const KINDS = ["tp", "fn", "fp", "tn"];

class ClassRows {
  constructor(board, measure) {
    this.board = board;
    this.measure = measure;
    this.runs = board.thresholds.data.runs;
    this.rows = new Map(); // class index: its row, for those in the document
    this.head = this.heading();
    this.scroll = element("div", "classes");
    this.lefts = this.scroll.appendChild(element("div", "lefts"));
    this.numbers = this.scroll.appendChild(element("div", "numbers"));
    this.sheet = new Sheet(this.numbers);
    this.scroll.addEventListener("scroll", () => this.fill(), { passive: true });
  }

  heading() {
    const head = element("div", "classHead");
    const left = head.appendChild(element("div", "left"));
    left.append(element("b", "", "Each class"));
    const picker = left.appendChild(element("div", "measures"));
    picker.setAttribute("role", "group");
    this.buttons = {};
    for (const { name, title, help } of [...this.board.thresholds.measures, COUNTS]) {
      this.buttons[name] = picker.appendChild(button(title, help, () => {
        this.measure = name;
        this.fit();
      }));
    }
    if (this.board.thresholds.data.classes.length > 20) {
      this.search = left.appendChild(element("input", "search"));
      this.search.type = "search";
      this.search.placeholder = "Find a class";
      this.search.addEventListener("input", () => this.fit());
    }
    return head;
  }

  // Lists the classes, measures the height of a row, and writes the names over the columns.
  fit() {
    const { root, thresholds, sight } = this.board;
    for (const [measure, made] of Object.entries(this.buttons)) {
      made.setAttribute("aria-pressed", measure === this.measure);
    }
    const wanted = (this.search?.value || "").trim().toLowerCase();
    this.listed = thresholds.data.classes.flatMap(({ title }, c) => (title.toLowerCase().includes(wanted) ? [c] : []));
    const narrow = root.clientWidth < 640, counting = this.measure === "counts";
    root.classList.toggle("narrow", narrow);
    root.classList.toggle("counting", counting);
    this.names = element("div", "row names");
    for (const run of this.runs) {
      const cell = this.names.appendChild(element("div", "cell"));
      cell.append(runMark(run), element("span", "label", run.label));
      cell.title = run.label;
    }
    this.rowHeight = narrow ? 56 : counting ? 40 : 32;
    this.scroll.style.maxHeight = `${this.rowHeight * 16.5 + 30}px`;
    for (const row of this.rows.values()) {
      this.board.release(row.slider);
      sight.unobserve(row.right);
    }
    this.rows.clear();
    this.sheet.close();
    this.lefts.replaceChildren(element("div", "row names"));
    this.numbers.replaceChildren(this.names);
    this.fill();
  }

  fill() {
    const top = this.scroll.scrollTop, many = Math.ceil(this.scroll.clientHeight / this.rowHeight) + 6;
    const from = Math.min(Math.max(Math.floor(top / this.rowHeight) - 3, 0), Math.max(this.listed.length - many, 0));
    const wanted = this.listed.slice(from, from + many), kept = new Set(wanted);
    for (const [c, row] of this.rows) if (!kept.has(c)) this.remove(c, row);
    let before = this.lefts.firstChild.nextSibling, beside = this.names.nextSibling;
    for (const c of wanted) { // rows that stay are not touched: one may have the focus
      const row = this.rows.get(c) || this.row(c);
      if (!this.rows.has(c)) {
        this.rows.set(c, row);
        this.lefts.insertBefore(row.left, before);
        this.numbers.insertBefore(row.right, beside);
        if (this.board.thresholds.now) this.say(row);
        row.numbers.forEach(put);
        this.board.sight.observe(row.right);
      }
      [before, beside] = [row.left.nextSibling, row.right.nextSibling];
    }
    const above = from * this.rowHeight, below = (this.listed.length - from - wanted.length) * this.rowHeight;
    for (const column of [this.lefts, this.numbers]) {
      column.firstChild.style.marginBottom = `${above}px`;
      column.style.paddingBottom = `${Math.max(below, 0)}px`;
    }
  }

  remove(c, row) {
    this.rows.delete(c);
    this.board.release(row.slider); // a drag of its slider ends with it
    this.board.sight.unobserve(row.right);
    row.left.remove();
    row.right.remove();
  }

  row(c) {
    const { name, title } = this.board.thresholds.data.classes[c];
    const left = element("div", "row"), right = element("div", "row");
    left.dataset.class = right.dataset.class = name;
    left.appendChild(element("span", "title", title)).title = title;
    const slider = left.appendChild(thresholdSlider(this.board, c, `Threshold of ${title}`));
    const number = left.appendChild(thresholdNumber(this.board, c, `Threshold of ${title}, as a number`));
    const lock = left.appendChild(button("", "", () => this.board.hold(c), "lock"));
    const cells = this.runs.map(() => right.appendChild(this.measure === "counts" ? fourCell() : numberCell(true)));
    return { c, left, right, slider, number, lock, cells, numbers: cells.flatMap((cell) => cell.four || [cell]) };
  }

  // During a drag, rows out of view are updated on release or when they come into view.
  show(moving) {
    const rows = [...this.rows.values()].filter(({ right }) => right.seen || !moving);
    for (const row of rows) this.say(row);
    if (moving) return this.sheet.draw(rows);
    for (const { numbers } of rows) numbers.forEach(put);
    this.sheet.close();
  }

  sayLeft(row) {
    const { thresholds } = this.board, { c, left, lock } = row, threshold = thresholds.of(c), held = thresholds.held(c);
    showThreshold(row.slider, row.number, threshold, thresholds.place(threshold));
    if (row.held === held) return;
    row.held = held;
    left.classList.toggle("held", held);
    lock.setAttribute("aria-pressed", held);
    lock.title = held ? "Locked: the slider for all leaves it. Click to unlock." : "Lock at this threshold";
    lock.setAttribute("aria-label", `${held ? "Unlock" : "Lock"} ${thresholds.data.classes[c].title}`);
  }

  say(row) {
    this.sayLeft(row);
    const { runs } = this, { c, cells } = row, { thresholds } = this.board;
    const measure = thresholds.measures.find(({ name }) => name === this.measure);
    runs.forEach((run, r) => {
      const cell = cells[r], positives = run.positives[c], [tp, fp] = thresholds.counted(r, c);
      if (positives < 0) (cell.four || [cell]).forEach((one) => say(one, DASH, NaN));
      else if (measure) sayScore(cell, scoreOf(measure, tp, fp, positives, run.clips));
      else {
        const counts = [tp, positives - tp, fp, run.clips - positives - fp];
        cell.four.forEach((one, k) => say(one, whole(counts[k]), counts[k]));
      }
    });
    if (measure) markBest(runs, cells);
  }
}

function fourCell() {
  const cell = element("div", "cell four");
  cell.four = KINDS.map((kind) => cell.appendChild(numeral(element("span", kind))));
  return cell;
}
