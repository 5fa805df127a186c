// Numbers of the board: sums, ratios and formatting, to the last digit as in Python.

const DASH = "–", MINUS = "−";

const partials = new Float64Array(64); // for `exactSum`: 40 suffice for any sum of doubles

// The exactly rounded sum (Shewchuk 1997, as Python's math.fsum): the same digits as the page's own tables.
function exactSum(values, length) {
  let n = 0;
  for (let k = 0; k < length; k++) {
    let x = values[k], kept = 0;
    for (let j = 0; j < n; j++) {
      let y = partials[j];
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y, low = y - (high - x);
      if (low) partials[kept++] = low;
      x = high;
    }
    partials[kept] = x;
    n = kept + 1;
  }
  if (!n) return 0;
  let high = partials[--n], low = 0;
  while (n > 0) {
    const x = high, y = partials[--n];
    high = x + y;
    low = y - (high - x);
    if (low) break;
  }
  if (n > 0 && (low < 0) === (partials[n - 1] < 0)) { // half-way cases go to even
    const twice = low * 2, next = high + twice;
    if (twice === next - high) high = next;
  }
  return high;
}

// Three decimals as Python writes them: a tie (a whole number of 16ths) goes to the even digit.
function three(value) {
  if (Number.isNaN(value)) return DASH;
  const sixteenths = Math.abs(value) * 16;
  let text = Math.abs(value).toFixed(3);
  if (Number.isInteger(sixteenths) && sixteenths % 2 === 1) {
    const below = Math.floor(Math.abs(value) * 1000);
    text = ((below % 2 ? below + 1 : below) / 1000).toFixed(3);
  }
  return (value < 0 && Number(text) ? MINUS : "") + text;
}

function signed(value) {
  if (Number.isNaN(value)) return DASH;
  const text = three(Math.abs(value));
  return Number(text) ? (value < 0 ? MINUS : "+") + text : text;
}

const whole = (count) => String(count).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
const numberOf = (text) => Number(text.replace(MINUS, "-")); // NaN of a dash
const ratio = (part, of) => part / Math.max(of, 1);

// Measures of decisions, 0 where they divide by nothing: the functions of sedcore/evaluation/measures.py.
const FORMULAS = {
  precision: (tp, predicted) => ratio(tp, predicted),
  recall: (tp, predicted, positives) => ratio(tp, positives),
  f1: (tp, predicted, positives) => ratio(2 * tp, positives + predicted),
  mcc: (tp, predicted, positives, clips) => {
    const both = predicted * positives, neither = (clips - predicted) * (clips - positives);
    return (tp * clips - both) / Math.sqrt(Math.max(both * neither, 1));
  },
};

// The page's measures, each with its function; one without a function here is left out.
const withFormulas = (measures) => measures.flatMap((m) => (FORMULAS[m.name] ? [{ ...m, formula: FORMULAS[m.name] }] : []));

// NaN where a class has too few positives, as in Measure.defined.
function scoreOf(measure, tp, fp, positives, clips) {
  const predicted = tp + fp;
  if (positives === 0 && !(measure.definedIfPredicted && predicted)) return NaN;
  return measure.formula(tp, predicted, positives, clips);
}

async function inflate(base64, bytes) {
  const raw = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return bytes === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
}
