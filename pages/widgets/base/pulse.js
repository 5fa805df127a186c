// Asks the page periodically to redraw a part while the tab is visible: a hidden tab does not ask, and asks at once
// when it is shown again. The next beat waits for the answer to the last one, so a slow server is not flooded.
//
// data: {number (grows with every answer), every_ms}

const PATIENCE_MS = 20000; // after this an answer counts as lost

const pulses = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  let pulse = pulses.get(parentElement);
  if (!pulse) pulses.set(parentElement, (pulse = new Pulse()));
  pulse.ask = () => setTriggerValue("beat", data.number);
  pulse.receive(data);
  return () => pulse.end(); // called when the element is removed, not between two answers
}

class Pulse {
  constructor() {
    this.number = 0; // of the last answer
    this.seen = () => {
      if (document.visibilityState === "visible" && Date.now() >= this.due) this.beat();
    };
    document.addEventListener("visibilitychange", this.seen);
  }

  receive({ number, every_ms }) {
    if (number === this.number) return; // drawn again, not answered
    this.number = number;
    this.wait(every_ms);
  }

  wait(ms) {
    clearTimeout(this.timer);
    this.due = Date.now() + ms;
    this.timer = setTimeout(this.seen, ms + 1);
  }

  beat() {
    this.wait(PATIENCE_MS);
    this.ask();
  }

  end() {
    clearTimeout(this.timer);
    document.removeEventListener("visibilitychange", this.seen);
  }
}
