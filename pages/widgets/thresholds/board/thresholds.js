// The thresholds in force, the exact counts at them, and the averages that follow, by the rules of
// sedcore/evaluation/averages.py. `data` comes from the page: see board.js.

const AVERAGES = ["macro", "micro", "weighted", "samples"];

class Thresholds {
  constructor(data, tp, fp) {
    this.data = data;
    this.measures = withFormulas(data.measures);
    this.columns = Array.from({ length: 5 }, () => new Float64Array(data.classes.length)); // for `averages`
    this.tp = tp;
    this.fp = fp;
    this.at = new Int32Array(data.classes.length); // grid index of each class; -1: the page's counts
    this.now = null; // {threshold, own {class: threshold}}
  }

  // `told`: they come from the page, with exact counts at them, on the grid or not.
  set(now, told) {
    this.now = now;
    this.told = told;
    this.at = this.at.map((_, c) => (told ? -1 : this.place(this.of(c))));
    this.common = this.data.grid.indexOf(now.threshold); // -1 between the points of the grid
  }

  // Classes that did not move keep the exact counts that the page sent for them.
  move(now) {
    const { told, now: was, at } = this;
    this.set(now, false);
    if (!told) return;
    for (let c = 0; c < at.length; c++) if (valueOf(was, this.nameOf(c)) === this.of(c)) this.at[c] = at[c];
    this.told = same(was, now);
  }

  nameOf(c) {
    return this.data.classes[c].name;
  }

  of(c) { // -1: the one for all
    return c < 0 ? this.now.threshold : valueOf(this.now, this.nameOf(c));
  }

  held(c) {
    return this.nameOf(c) in this.now.own;
  }

  place(threshold) { // index of the nearest point of the grid
    const grid = this.data.grid, last = grid.length - 1;
    return this.stop(Math.round(((threshold - grid[0]) / (grid[last] - grid[0] || 1)) * last));
  }

  stop(place) {
    return Math.min(Math.max(place, 0), this.data.grid.length - 1);
  }

  counted(r, c) {
    const { grid, classes, exact } = this.data;
    if (this.at[c] < 0) return [exact.tp[r][c], exact.fp[r][c]];
    const k = (r * classes.length + c) * grid.length + this.at[c];
    return [this.tp[k], this.fp[k]];
  }

  // {average: {measure: value}} of a run; null for the samples average while only the page can know it.
  averages(r) {
    const { positives, clips } = this.data.runs[r], [tp, predicted, support, values, weighted] = this.columns;
    let many = 0, tps = 0, fps = 0, all = 0, classes = 0; // many: classes with positives, the first of the columns
    for (let c = 0; c < positives.length; c++) {
      const here = positives[c];
      if (here < 0) continue;
      const [hits, alarms] = this.counted(r, c);
      tps += hits;
      fps += alarms;
      all += here;
      classes += 1;
      if (here === 0) continue;
      tp[many] = hits;
      predicted[many] = hits + alarms;
      support[many++] = here;
    }
    const scores = { macro: {}, micro: {}, weighted: {}, samples: this.samples(r) };
    for (const measure of this.measures) {
      const { name, averages, formula } = measure;
      for (let k = 0; k < many; k++) values[k] = formula(tp[k], predicted[k], support[k], clips);
      if (averages.includes("macro")) scores.macro[name] = many ? exactSum(values, many) / many : NaN;
      if (averages.includes("micro")) scores.micro[name] = scoreOf(measure, tps, fps, all, clips * classes);
      if (!averages.includes("weighted")) continue;
      for (let k = 0; k < many; k++) weighted[k] = values[k] * support[k];
      scores.weighted[name] = all ? exactSum(weighted, many) / all : NaN;
    }
    return scores;
  }

  samples(r) {
    const { runs, sampled, exact } = this.data, curve = runs[r].samples;
    if (!this.told && (Object.keys(this.now.own).length || this.common < 0 || !curve)) return null;
    const values = this.told ? exact.samples[r] : curve[this.common];
    return Object.fromEntries(sampled.map((name, k) => [name, values[k]]));
  }
}

// No prototype: a class may be named like one of its properties.
const copied = (own) => Object.assign(Object.create(null), own);
const valueOf = (now, name) => now.own[name] ?? now.threshold;

function same(a, b) {
  const names = Object.keys(a.own);
  return a.threshold === b.threshold && names.length === Object.keys(b.own).length
    && names.every((name) => a.own[name] === b.own[name]);
}

function thresholdText(threshold) { // as format.threshold: two decimals at least, no more than four digits need
  let text = Number(threshold.toPrecision(4)).toString();
  if (!text.includes("e")) {
    const [before, after = ""] = text.split(".");
    text = `${before}.${after.padEnd(2, "0")}`;
  }
  return text.replace("-", MINUS);
}
