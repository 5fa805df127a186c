// Asks the page to draw a part anew, every so often, while somebody can see it: a hidden tab asks for nothing, and
// asks at once when it comes back. The next beat waits for the answer to the last one, so a slow server is not flooded.
//
// data: {number (grows with every answer), every_ms}

const PATIENCE_MS = 20000; // an answer that has not come by then was lost

export default function ({ data, setTriggerValue }) {
  const answered = Date.now();
  let timer = setTimeout(beat, data.every_ms);

  function beat() {
    clearTimeout(timer);
    if (document.visibilityState !== "visible") return;
    setTriggerValue("beat", data.number);
    timer = setTimeout(beat, PATIENCE_MS);
  }
  function seen() {
    if (Date.now() - answered >= data.every_ms) beat();
  }
  document.addEventListener("visibilitychange", seen);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", seen);
  };
}
