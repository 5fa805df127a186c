// The ranking: a line a run with all its averages, best macro F1 first, and what one gets without listening.
// Names stand on the left, numbers on the right in a panel that scrolls sideways.

const PARTS = ["F1", "P", "R"];
const TITLES = { macro: "Macro", micro: "Micro", weighted: "Weighted", samples: "Samples" };
const MEANINGS = {
  macro: "Mean over classes: a rare class weighs as much as a frequent one. The ranking is by macro F1.",
  micro: "Counts of all classes pooled: frequent classes weigh most.",
  weighted: "Mean over classes by their number of positive clips.",
  samples: "Mean over clips. It needs the clips: it moves with the slider for all, and follows on release " +
    "where classes are locked.",
  delta: "Macro F1 minus that of the baseline, at the same thresholds.",
};

// The cells of a line from left to right: each average's F1, P and R, and after macro F1 the change of it.
function averageCells(line, cellOf) {
  const cells = {};
  for (const average of AVERAGES) {
    for (const part of PARTS) {
      const cell = (cells[`${average} ${part}`] = line.appendChild(cellOf(average, part)));
      if (part === "F1" && average !== "macro") cell.classList.add("first");
      if (average === "macro" && part === "F1") cells.delta = line.appendChild(cellOf("delta", ""));
    }
  }
  return cells;
}

class Ranking {
  constructor(force) {
    this.force = force;
    this.runs = force.data.runs;
    this.root = element("div", "ranking");
    this.lefts = this.root.appendChild(element("div", "lefts"));
    this.numbers = this.root.appendChild(element("div", "numbers"));
    this.names();
    this.lines = this.runs.map((run) => this.line(run));
    for (const baseline of force.data.baselines) this.baseline(baseline);
    this.sheet = new Sheet(this.numbers);
  }

  names() {
    const { right } = this.halves("line names", "", element("div", "run", "Run"));
    const cells = averageCells(right, (average, part) => {
      const cell = element("div", "cell", part === "F1" ? `${TITLES[average]} F1` : part);
      cell.title = MEANINGS[average];
      return cell;
    });
    cells.delta.textContent = "Δ";
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
    made.cells = averageCells(made.right, (average, part) => {
      const cell = numberCell(part === "F1");
      if (part) cell.dataset.cell = `${average} ${part}`;
      else cell.classList.add("delta");
      return cell;
    });
    made.numbers = Object.values(made.cells);
    return made;
  }

  // What one gets without listening: under the runs, at no threshold.
  baseline({ label, values }) {
    const { right } = this.halves("line trivial", "", element("div", "run", label));
    const cells = averageCells(right, () => numberCell(false));
    for (const average of AVERAGES) {
      PARTS.forEach((part, p) => sayScore(cells[`${average} ${part}`], values[average][p] ?? NaN));
    }
    sayScore(cells.delta, NaN);
    Object.values(cells).forEach(put);
  }

  show(moving) {
    if (moving && !this.numbers.seen) return;
    const { runs, lines } = this;
    const found = runs.map((_, r) => this.force.averages(r));
    const order = this.ordered(found);
    const base = runs.findIndex((run) => run.baseline);
    lines.forEach(({ cells }, r) => {
      for (const average of AVERAGES) {
        const values = found[r][average];
        PARTS.forEach((part, p) => {
          const cell = cells[`${average} ${part}`];
          cell.later = !values; // and keeps its last number
          if (values) sayScore(cell, values[p]);
        });
      }
      const comparable = base >= 0 && r !== base && runs[r].group === runs[base].group;
      const delta = comparable ? found[r].macro[0] - found[base].macro[0] : NaN;
      say(cells.delta, signed(delta), delta);
    });
    for (const key of Object.keys(lines[0].cells)) {
      if (key !== "delta") markBest(runs, lines.map(({ cells }) => cells[key]));
    }
    this.place(order, found, moving);
    if (moving) return this.sheet.draw(order.map((r) => lines[r]));
    for (const { numbers } of lines) numbers.forEach(put);
    this.sheet.close();
  }

  ordered(found) {
    const { runs } = this, value = (r) => (Number.isNaN(found[r].macro[0]) ? -1 : found[r].macro[0]);
    return runs.map((_, r) => r).sort((a, b) => runs[a].group - runs[b].group || value(b) - value(a) || a - b);
  }

  // Places lines, by a style: lines that move in the document would be laid out and painted anew. Runs that do not
  // compare stand apart; those that show the same macro F1 share a rank. Numbers on the sheet are there already.
  place(order, found, moving) {
    let placed = 0, ranked = 0;
    order.forEach((r, k) => {
      const line = this.lines[r], before = order[k - 1];
      const beside = k > 0 && this.runs[r].group === this.runs[before].group, apart = k > 0 && !beside;
      placed = beside ? placed + 1 : 1;
      if (placed === 1 || three(found[r].macro[0]) !== three(found[before].macro[0])) ranked = placed;
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
