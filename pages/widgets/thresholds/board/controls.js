// The controls: a slider and a number field for all classes and for each, and the buttons at the top. They call the
// board's `grip` when a drag begins, `move` and `change`, and `release` at its end.

function thresholdSlider(board, c, label) { // c: the class, -1 for all
  const slider = element("input"), grid = board.thresholds.data.grid;
  slider.type = "range";
  slider.min = 0;
  slider.max = grid.length - 1;
  slider.step = 1;
  slider.setAttribute("aria-label", label);
  slider.addEventListener("pointerdown", () => board.grip(slider));
  for (const end of ["pointerup", "pointercancel", "blur"]) slider.addEventListener(end, () => board.release(slider));
  slider.addEventListener("input", () => board.move(c, grid[slider.valueAsNumber], false));
  slider.addEventListener("keydown", (event) => {
    const far = { PageUp: 10, PageDown: -10 }[event.key];
    if (!far) return;
    event.preventDefault(); // browsers differ in the step size
    slider.valueAsNumber += far;
    board.move(c, grid[slider.valueAsNumber], false);
  });
  return slider;
}

function thresholdNumber(board, c, label) {
  const input = element("input", "number");
  input.type = "text";
  input.inputMode = "decimal";
  input.setAttribute("aria-label", label);
  const shown = () => thresholdText(board.thresholds.of(c));
  const commit = () => {
    const value = Number(input.value.trim().replace(",", ".").replace(MINUS, "-"));
    if (input.value.trim() === "" || !Number.isFinite(value)) input.value = shown();
    else if (input.value !== shown()) board.move(c, value, true);
  };
  input.addEventListener("focus", () => input.select());
  input.addEventListener("blur", commit);
  input.addEventListener("keydown", (event) => {
    const { thresholds } = board, up = { ArrowUp: 1, ArrowDown: -1 }[event.key];
    if (event.key === "Enter") commit();
    else if (event.key === "Escape") input.value = shown();
    else if (up) {
      event.preventDefault();
      board.move(c, thresholds.data.grid[thresholds.stop(thresholds.place(thresholds.of(c)) + up)], false);
    }
  });
  return input;
}

// Shows a threshold on its slider and in its number field, unless the field is being typed in.
function showThreshold(slider, number, threshold, place) {
  const text = thresholdText(threshold);
  if (slider.valueAsNumber !== place) slider.valueAsNumber = place;
  if (slider.ariaValueText !== text) slider.ariaValueText = text;
  if (number.value !== text && !focused(number)) number.value = text;
}

class Head {
  constructor(board) {
    this.board = board;
    this.root = element("div", "head");
    const line = this.root.appendChild(element("div", "common"));
    line.append(element("b", "", "All classes"));
    this.slider = line.appendChild(thresholdSlider(board, -1, "Threshold for all classes"));
    this.number = line.appendChild(thresholdNumber(board, -1, "Threshold for all classes, as a number"));
    const tools = this.root.appendChild(element("div", "tools"));
    const add = (text, title, act) => tools.appendChild(button(text, title, act));
    const all = (threshold) => board.change({ threshold, own: copied({}) }, true);
    const { grid } = board.thresholds.data;
    for (const value of [0.1, 0.5]) {
      if (value < grid[0] || value > grid.at(-1)) continue;
      add(value.toFixed(1), `Set every class to ${value.toFixed(1)}`, () => all(value));
    }
    this.freeButton = add("Unlock all", "Every class follows the slider for all again", () =>
      all(board.thresholds.now.threshold));
    this.undoButton = add("Undo", "Back to the thresholds before the last move", () => board.undo());
    add("Copy JSON", "Copy the threshold of each class", () => this.copy());
    this.words = tools.appendChild(element("span", "words"));
    this.copied = tools.appendChild(element("textarea"));
    this.copied.hidden = true;
  }

  show() {
    const { thresholds, history } = this.board, { threshold, own } = thresholds.now;
    showThreshold(this.slider, this.number, threshold, thresholds.place(threshold));
    this.freeButton.disabled = !Object.keys(own).length;
    this.undoButton.disabled = !history.length;
  }

  async copy() {
    const { thresholds } = this.board, chosen = copied({});
    thresholds.data.classes.forEach(({ name }, c) => (chosen[name] = thresholds.of(c)));
    const text = JSON.stringify({ thresholds: chosen }, null, 1);
    try {
      await navigator.clipboard.writeText(text);
      this.say("Copied");
    } catch { // the clipboard needs a secure context (HTTPS or localhost)
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
}
