"""How numbers and names are written, the same on every page.

Scores have three decimals, differences a sign, counts a thin space between thousands, times their two
largest units. An undefined value is a dash; the caller says why beside it.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

DASH = "–"
THIN_SPACE = "\u202f"  # narrow and never broken over two lines
MINUS = "−"
_PUNCTUATION = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~$:&=^\"'/])")


def is_missing(value: object) -> bool:
    """Whether a value is None or NaN, that is, undefined or unknown."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or value != value


def score(value: float | None, decimals: int = 3) -> str:
    """Return 0.853, or a dash where undefined; what rounds to 0 has no sign."""
    if is_missing(value):
        return DASH
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def difference(value: float | None, decimals: int = 3) -> str:
    """Return +0.012 or −0.012; a difference that rounds to 0 has no sign."""
    if is_missing(value):
        return DASH
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+") + text


def interval(low: float, high: float, decimals: int = 3, *, signed: bool = False) -> str:
    """Return [0.841, 0.866], with `signed` [+0.012, +0.034]; a dash where undefined."""
    form = difference if signed else score
    return DASH if is_missing(low) else f"[{form(low, decimals)}, {form(high, decimals)}]"


def p_value(value: float | None) -> str:
    """Return 0.032, or < 0.001; a dash where there is no test."""
    return DASH if is_missing(value) else "< 0.001" if value < 0.001 else f"{value:.3f}"


def count(value: float | None) -> str:
    """Return 12 480 with thin spaces, or a dash where unknown."""
    return DASH if is_missing(value) else f"{round(value):,}".replace(",", THIN_SPACE).replace("-", MINUS)


def percent(value: float | None, decimals: int = 0) -> str:
    """Return a share from 0 to 1 as 85 %."""
    return DASH if is_missing(value) else f"{100 * value:.{decimals}f}{THIN_SPACE}%"


def duration(seconds: float | None) -> str:
    """Return a time in its two largest units: 3 min 12 s, 2 h 05 min, 4.2 s, 120 ms."""
    if is_missing(seconds):
        return DASH
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    return f"{hours // 24} d {hours % 24:02d} h"


def milliseconds(value: float | None) -> str:
    """Return milliseconds with the digits that matter: 0.42, 3.1, 48."""
    if is_missing(value):
        return DASH
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 10 else count(value)


def threshold(value: float | None) -> str:
    """Return a threshold: 0.50, 0.125, −3.2; two decimals at least, no more than the number needs."""
    if is_missing(value):
        return DASH
    text = f"{value:.4g}"
    if "e" not in text:
        whole, _, decimals = text.partition(".")
        text = f"{whole}.{decimals.ljust(2, '0')}"
    return text.replace("-", MINUS)


def moment(iso: str | None) -> str:
    """Return an ISO 8601 time as 2025-03-01 14:02 (UTC), or a dash where it cannot be read."""
    try:
        return datetime.fromisoformat(iso or "").astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return DASH


def ago(iso: str | None, now: datetime | None = None) -> str:
    """Return how long ago an ISO 8601 time was, in words: 5 min ago."""
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(iso or "")).total_seconds()
    except (ValueError, TypeError):
        return DASH
    if seconds < 60:
        return "just now"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return DASH


def epochs(best: int | None, run: int | None) -> str:
    """Return the best epoch of all that ran: 14 of 20."""
    if is_missing(best):
        return DASH if is_missing(run) else f"{DASH} of {int(run)}"
    return f"{int(best)}" if is_missing(run) else f"{int(best)} of {int(run)}"


def plural(number: int, noun: str, many: str = "") -> str:
    """Return 1 run, 3 runs, 12 480 clips."""
    return f"{count(number)} {noun if number == 1 else many or noun + 's'}"


def listing(words: list[str], limit: int = 6) -> str:
    """Return words as a phrase: a, b and c; past `limit` the rest is a number."""
    words = list(words)
    if len(words) > limit:
        words = [*words[: limit - 1], f"{len(words) - limit + 1} more"]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def class_title(name: str) -> str:
    """Return a class name without underscores: Alarm bell ringing."""
    return name.replace("_", " ")


def escape_markdown(text: str) -> str:
    """Return text escaped for Markdown, Streamlit's directives and LaTeX, on one line.

    Names of runs and classes, notes and file names are untrusted: none may format the page.
    """
    text = _PUNCTUATION.sub(r"\\\1", " ".join(str(text).split()))
    # Emoji and icon codes are replaced after escapes are resolved; a word joiner breaks their form.
    return text.replace("\\:", "\\:\u2060")
