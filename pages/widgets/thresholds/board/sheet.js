// A sheet: the canvas on which a panel's numbers are drawn during a drag, in the place, size and colour that they
// have in the document. Laying out and painting some 300 texts costs a browser more than a
// frame; drawing them costs a few milliseconds. What is drawn is each number's `shown`, as in the document.

class Sheet {
  constructor(panel) {
    this.panel = panel;
    this.canvas = element("canvas", "sheet");
    this.canvas.setAttribute("aria-hidden", "true");
    this.pen = this.canvas.getContext("2d");
    this.spots = null; // where the numbers of a line stand, while the sheet is open
  }

  // Lines {right (element), numbers} from top to bottom, all alike.
  draw(lines) {
    if (!lines.length) return this.close();
    if (!this.spots) this.open(lines);
    const { pen, canvas, spots, tops } = this;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    spots.forEach((spot, k) => {
      if (spot.bar) lines.forEach(({ numbers }, l) => this.drawBar(spot.bar, tops[l], barShare(numbers[k])));
    });
    let font = null;
    spots.forEach((spot, k) => {
      pen.fillStyle = spot.color;
      lines.forEach(({ numbers }, l) => {
        const { shown, best, later } = numbers[k], wanted = best ? spot.bestFont : spot.font;
        if (font !== wanted) pen.font = font = wanted;
        pen.globalAlpha = later ? LATER : 1;
        pen.fillText(shown, spot.right, this.row(tops[l] + spot.baseline));
      });
    });
  }

  drawBar({ left, top, width, height, color }, line, share) {
    this.pen.fillStyle = color;
    this.pen.fillRect(left, this.row(line + top), width * share, height);
  }

  // The canvas row for a y in the window: browsers place text and boxes on whole pixels.
  row(y) {
    return Math.ceil((y - this.tops[0]) * this.scale - 0.5);
  }

  // Measures all lines at once, and lays the canvas over them.
  open(lines) {
    const { canvas, panel, pen } = this, scale = (this.scale = devicePixelRatio);
    const boxes = lines.map(({ right }) => right.getBoundingClientRect());
    const { left, width, height } = boxes[0], origin = panel.getBoundingClientRect();
    this.tops = boxes.map(({ top }) => top).sort((a, b) => a - b);
    this.spots = lines[0].numbers.map((number) => this.spotOf(number, boxes[0]));
    canvas.width = Math.round(width * scale);
    canvas.height = this.row(this.tops.at(-1) + height);
    canvas.style.width = `${canvas.width / scale}px`;
    canvas.style.height = `${canvas.height / scale}px`;
    canvas.style.left = `${left - origin.left + panel.scrollLeft}px`;
    canvas.style.top = `${this.tops[0] - origin.top}px`;
    pen.textAlign = "right";
    panel.append(canvas);
    panel.classList.add("drawn"); // hides the document's
  }

  // x in canvas pixels from the left, y in window pixels from the top of the line.
  spotOf(number, line) {
    const { pen, scale } = this, style = getComputedStyle(number), box = number.getBoundingClientRect();
    const column = (x) => (x - line.left) * scale;
    const fontOf = (weight, size) => `${weight} ${size}px ${style.fontFamily}`;
    const size = parseFloat(style.fontSize), border = parseFloat(style.borderLeftWidth);
    const weight = number.written.best ? NORMAL : style.fontWeight;
    pen.font = fontOf(weight, size);
    const metrics = pen.measureText("0"), ascent = Math.round(metrics.fontBoundingBoxAscent);
    const leading = box.height - ascent - Math.round(metrics.fontBoundingBoxDescent);
    return {
      font: fontOf(weight, size * scale),
      bestFont: fontOf(BEST, size * scale),
      color: style.color,
      right: column(box.right - parseFloat(style.paddingRight)),
      baseline: box.top + Math.floor(leading / 2) + ascent - line.top, // as browsers place a line of text
      bar: number.bar && {
        left: Math.round(column(box.left + border + BAR_LEFT)),
        top: box.top + (box.height - BAR_HEIGHT) / 2 - line.top,
        width: (box.width - border) * BAR_SHARE * scale,
        height: Math.round(BAR_HEIGHT * scale),
        color: style.getPropertyValue("--bar").trim(),
      },
    };
  }

  close() {
    if (!this.spots) return;
    this.spots = null;
    this.panel.classList.remove("drawn");
    this.canvas.remove();
  }
}
