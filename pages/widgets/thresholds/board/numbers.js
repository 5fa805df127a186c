// Numbers of the board: sums, ratios and their writing, digit by digit as the page itself computes and writes them.

const DASH = "–", MINUS = "−";

// The exactly rounded sum (Shewchuk 1997, as Python's math.fsum): the same digits as the page's own tables.
function exactSum(values, length) {
  const partials = [];
  for (let k = 0; k < length; k++) {
    let x = values[k], kept = 0;
    for (let j = 0; j < partials.length; j++) {
      let y = partials[j];
      if (Math.abs(x) < Math.abs(y)) [x, y] = [y, x];
      const high = x + y, low = y - (high - x);
      if (low) partials[kept++] = low;
      x = high;
    }
    partials.length = kept;
    partials.push(x);
  }
  let n = partials.length;
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
const ratio = (part, of) => part / Math.max(of, 1);

// Precision, recall and F1 of one class, NaN where undefined: averages.class_scores.
function scoresOf(tp, fp, positives) {
  const predicted = tp + fp;
  if (positives === 0) return [NaN, predicted ? 0 : NaN, NaN];
  return [ratio(2 * tp, positives + predicted), ratio(tp, predicted), ratio(tp, positives)];
}

async function inflate(base64, bytes) {
  const raw = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([raw]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  return bytes === 2 ? new Uint16Array(buffer) : new Uint32Array(buffer);
}
