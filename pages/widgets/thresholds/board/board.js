// The threshold board: exact counts by run, class and threshold of a grid come once; everything that changes while a
// slider moves is computed from them here. On release the page is told. All text is set by textContent: names are
// untrusted.
//
// data: {edit, version, grid [G], counts (base64 of deflated little-endian tp then fp, each (runs, classes, G)),
//   bytes (2 or 4 a count), runs [{label, color, glyph, group, baseline, clips, positives [classes; -1: no
//   such class], samples [[sampled] x G] or null}], classes [{name, title}], threshold, own {class: threshold},
//   measures [{name, title, short, help, averages, definedIfPredicted}], sampled [names of the samples' values],
//   baselines [{label, values {average: {measure: value}}}],
//   exact {tp [runs][classes], fp, samples [runs][sampled]} at the thresholds in force}

const KEY_PAUSE_MS = 250; // keys pressed in quick succession are one move

const boards = new WeakMap();

export default function (component) {
  const { data, parentElement } = component;
  let board = boards.get(parentElement);
  if (!board) boards.set(parentElement, (board = new Board(parentElement)));
  board.tell = (moved) => component.setTriggerValue("moved", moved);
  board.receive(data);
  return () => board.rest();
}

class Board {
  constructor(host) {
    this.root = host.appendChild(element("div", "board waiting"));
    this.version = null;
    this.edit = 0; // the last move told to the page
    this.history = [];
    this.moving = null; // the slider being dragged
    this.sight = new IntersectionObserver((seen) => {
      for (const { target, isIntersecting } of seen) target.seen = isIntersecting;
      if (!this.moving) return;
      this.rows.sheet.close(); // it covers the rows that were in view
      this.stepSoon();
    });
    this.watch = new ResizeObserver(() => this.fit());
  }

  rest() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.pause);
    this.pause = null; // otherwise the page's next data would be taken for stale
  }

  // -- data from the page ------------------------------------------------------------------------------------------

  async receive(data) {
    const stale = data.edit < this.edit || this.moving || this.pause; // a later move of ours is on its way
    if (data.version !== this.version) {
      this.version = data.version;
      const counts = await inflate(data.counts, data.bytes);
      if (this.version !== data.version) return; // newer data came meanwhile
      const half = counts.length / 2;
      this.build(new Thresholds(data, counts.subarray(0, half), counts.subarray(half)));
    } else if (stale) return;
    this.adopt(data);
  }

  build(thresholds) {
    this.thresholds = thresholds;
    this.moving = null; // the slider being dragged is gone
    this.root.ariaBusy = "false";
    this.sight.disconnect();
    this.watch.disconnect();
    this.head = new Head(this);
    this.ranking = new Ranking(thresholds);
    this.rows = new ClassRows(this, this.rows?.measure ?? "f1");
    this.root.replaceChildren(this.head.root, this.ranking.root, this.rows.head, this.rows.scroll);
    this.root.classList.remove("waiting");
    this.watch.observe(this.root);
    this.sight.observe(this.ranking.numbers);
    this.rows.fit();
  }

  fit() {
    this.ranking.sheet.close();
    this.rows.fit();
    if (this.moving) this.step();
  }

  adopt(data) {
    // The browser draws the sliders: tell it whether the page is dark, whatever theme is chosen here.
    const [red, green, blue] = getComputedStyle(this.root).backgroundColor.match(/[\d.]+/g).map(Number);
    this.root.style.colorScheme = red + green + blue < 384 ? "dark" : "light";
    this.edit = Math.max(this.edit, data.edit);
    const { thresholds } = this, before = thresholds.now;
    thresholds.data = data;
    thresholds.set({ threshold: data.threshold, own: copied(data.own) }, true);
    if (before && !same(before, thresholds.now)) this.remember(before);
    this.step();
  }

  // -- moving ------------------------------------------------------------------------------------------------------

  grip(slider) {
    this.moving = slider;
    this.root.ariaBusy = "true";
  }

  release(slider) {
    if (this.moving !== slider) return; // the slider focused before loses focus only after the next is gripped
    this.moving = null;
    this.root.ariaBusy = "false";
    this.step(); // update what waited during the drag
    this.settle();
  }

  move(c, threshold, settled) { // c: the class, -1 for all
    const { now } = this.thresholds, own = copied(now.own);
    if (c >= 0) own[this.thresholds.nameOf(c)] = threshold;
    this.change({ threshold: c < 0 ? threshold : now.threshold, own }, settled);
  }

  hold(c) {
    const { threshold, own: before } = this.thresholds.now, own = copied(before), name = this.thresholds.nameOf(c);
    if (name in own) delete own[name];
    else own[name] = threshold;
    this.change({ threshold, own }, true);
  }

  change(now, settled) {
    if (!this.before) this.before = this.thresholds.now;
    this.thresholds.move(now);
    this.stepSoon();
    clearTimeout(this.pause);
    this.pause = null;
    if (settled) this.settle();
    else if (!this.moving) this.pause = setTimeout(() => this.settle(), KEY_PAUSE_MS);
  }

  settle() {
    clearTimeout(this.pause);
    this.pause = null;
    const { before } = this;
    this.before = null;
    if (!before || same(before, this.thresholds.now)) return;
    this.remember(before);
    this.tellNow();
  }

  remember(before) {
    this.history.push(before);
    if (this.history.length > 50) this.history.shift();
    this.head.show();
  }

  undo() {
    const before = this.history.pop();
    if (!before) return;
    this.change(before, false);
    clearTimeout(this.pause);
    this.pause = null;
    this.before = null;
    this.tellNow();
  }

  tellNow() {
    this.edit += 1;
    this.tell({ edit: this.edit, threshold: this.thresholds.now.threshold, own: this.thresholds.now.own });
  }

  // -- a step: all that follows from the thresholds ----------------------------------------------------------------

  stepSoon() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.step());
  }

  step() {
    const began = performance.now();
    cancelAnimationFrame(this.frame);
    this.head.show();
    this.ranking.show(this.moving);
    this.rows.show(this.moving);
    this.root.dataset.stepMs = (performance.now() - began).toFixed(2);
    this.root.dataset.steps = Number(this.root.dataset.steps || 0) + 1;
  }
}
