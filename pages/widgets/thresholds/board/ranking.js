// The ranking: a line a run with all its averages, best macro F1 first, and the trivial baselines.
// Names stand on the left, numbers on the right in a panel that scrolls sideways.

const TITLES = { macro: "Macro", micro: "Micro", weighted: "Weighted", samples: "Samples" };
const MEANINGS = {
  macro: "Mean over classes: a rare class weighs as much as a frequent one. The ranking is by macro F1.",
  micro: "Counts of all classes pooled: frequent classes weigh most.",
  weighted: "Mean over classes by their number of positive clips.",
  samples: "Mean over clips. It needs the clips: it moves with the slider for all, and follows on release " +
    "where classes are locked.",
  delta: "Macro F1 minus that of the baseline, at the same thresholds.",
};

// The columns of a line from left to right: each average's measures, F1 first, and after macro F1 the change of it.
function columnsOf(measures) {
  return AVERAGES.flatMap((average) => {
    const columns = measures.filter(({ averages }) => averages.includes(average)).map((measure, k) =>
      ({ average, measure: measure.name, short: measure.short, key: `${average} ${measure.short}`, first: k === 0 }));
    if (average === "macro") columns.splice(1, 0, { average: "delta", key: "delta", width: 54 });
    return columns;
  });
}

const widthOf = ({ width, average, first }) => width ?? (first ? (average === "macro" ? 80 : 86) : 50);

class Ranking {
  constructor(thresholds) {
    this.thresholds = thresholds;
    this.runs = thresholds.data.runs;
    this.columns = columnsOf(thresholds.measures);
    this.scores = this.columns.filter(({ measure }) => measure);
    this.root = element("div", "ranking");
    this.root.style.setProperty("--columns", this.columns.map((column) => `${widthOf(column)}px`).join(" "));
    this.lefts = this.root.appendChild(element("div", "lefts"));
    this.numbers = this.root.appendChild(element("div", "numbers"));
    this.names();
    this.lines = this.runs.map((run) => this.line(run));
    for (const baseline of thresholds.data.baselines) this.baseline(baseline);
    this.sheet = new Sheet(this.numbers);
  }

  names() {
    const { right } = this.halves("line names", "", element("div", "run", "Run"));
    this.cells(right, ({ average, short, first }) => {
      const cell = element("div", "cell", first ? `${TITLES[average]} ${short}` : short ?? "Δ");
      cell.title = MEANINGS[average];
      return cell;
    });
  }

  // {key of a column: its cell} of a new line
  cells(line, cellOf) {
    return Object.fromEntries(this.columns.map((column) => {
      const cell = line.appendChild(cellOf(column));
      if (column.first && column.average !== "macro") cell.classList.add("first");
      return [column.key, cell];
    }));
  }

  halves(className, id, name) {
    const left = this.lefts.appendChild(element("div", className));
    const right = this.numbers.appendChild(element("div", className));
    if (id) left.dataset.run = right.dataset.run = id;
    const rank = left.appendChild(element("div", "rank"));
    left.append(name);
    return { left, right, rank };
  }

  line(run) {
    const name = element("div", "run");
    name.append(runMark(run), element("span", "label", run.label + (run.baseline ? " ★" : "")));
    name.title = run.label;
    const made = this.halves("line", run.id, name);
    made.cells = this.cells(made.right, ({ measure, key, first }) => {
      const cell = numberCell(first);
      if (measure) cell.dataset.cell = key;
      else cell.classList.add("delta");
      return cell;
    });
    made.numbers = Object.values(made.cells);
    return made;
  }

  // The trivial baselines, below the runs: they have no threshold.
  baseline({ label, values }) {
    const { right } = this.halves("line trivial", "", element("div", "run", label));
    const cells = this.cells(right, () => numberCell(false));
    for (const { average, measure, key } of this.scores) sayScore(cells[key], values[average][measure] ?? NaN);
    sayScore(cells.delta, NaN);
    Object.values(cells).forEach(put);
  }

  show(moving) {
    if (moving && !this.numbers.seen) return;
    const { runs, lines } = this;
    const scores = runs.map((_, r) => this.thresholds.averages(r));
    const order = this.ordered(scores);
    const base = runs.findIndex((run) => run.baseline);
    lines.forEach(({ cells }, r) => {
      for (const { average, measure, key } of this.scores) {
        const values = scores[r][average], cell = cells[key];
        cell.later = !values; // until then it shows its last number
        if (values) sayScore(cell, values[measure]);
      }
      const comparable = base >= 0 && r !== base && runs[r].group === runs[base].group;
      const delta = comparable ? scores[r].macro.f1 - scores[base].macro.f1 : NaN;
      say(cells.delta, signed(delta), delta);
    });
    for (const { key } of this.scores) markBest(runs, lines.map(({ cells }) => cells[key]));
    this.place(order, scores, moving);
    if (moving) return this.sheet.draw(order.map((r) => lines[r]));
    for (const { numbers } of lines) numbers.forEach(put);
    this.sheet.close();
  }

  ordered(scores) {
    const { runs } = this, value = (r) => (Number.isNaN(scores[r].macro.f1) ? -1 : scores[r].macro.f1);
    return runs.map((_, r) => r).sort((a, b) => runs[a].group - runs[b].group || value(b) - value(a) || a - b);
  }

  // Places lines by a style: moving them in the document would repeat layout and paint. Runs that do not compare
  // stand apart; those that show the same macro F1 share a rank. Numbers on the sheet are in place already.
  place(order, scores, moving) {
    let placed = 0, ranked = 0;
    order.forEach((r, k) => {
      const line = this.lines[r], before = order[k - 1];
      const beside = k > 0 && this.runs[r].group === this.runs[before].group, apart = k > 0 && !beside;
      placed = beside ? placed + 1 : 1;
      if (placed === 1 || three(scores[r].macro.f1) !== three(scores[before].macro.f1)) ranked = placed;
      if (line.ranked !== ranked) line.rank.textContent = line.ranked = ranked;
      for (const half of moving ? [line.left] : [line.left, line.right]) {
        if (half.placed === k && half.apart === apart) continue;
        [half.placed, half.apart] = [k, apart];
        half.style.order = k + 1;
        half.classList.toggle("apart", apart);
      }
    });
  }
}
