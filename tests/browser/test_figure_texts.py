"""Figures as they stand on the pages: titles of axes keep their distance from the ticks, and no text is cut."""

from __future__ import annotations

import pytest

from tests.support.serving import PHONE, WIDE

pytestmark = pytest.mark.browser
PAGES = ["", "curves", "metrics", "thresholds", "verdicts", "data_sets", "new_run"]
LEAST_PX = 2  # between a title and the ticks of its axis, line heights included

# by figure: its size; by axis: title and ticks as [left, top, right, bottom] in pixels of the figure; the ends of the
# ticks of x that are not turned
MEASURE = """() => [...document.querySelectorAll('.js-plotly-plot')].map(figure => {
    const at = figure.getBoundingClientRect(), axes = {};
    const around = wanted => {
        const all = [...figure.querySelectorAll(wanted)].filter(e => e.textContent.trim());
        const boxes = all.map(e => e.getBoundingClientRect());
        const edge = (pick, of, from) => Math[pick](...boxes.map(box => box[of])) - from;
        return boxes.length && [edge('min', 'left', at.left), edge('min', 'top', at.top),
                                edge('max', 'right', at.left), edge('max', 'bottom', at.top)];
    };
    const level = wanted => [...figure.querySelectorAll(wanted)].map(e => [e, e.getBoundingClientRect()])
        .filter(([e, box]) => box.width && !/rotate\\((?!0,)/.test(e.getAttribute('transform')))
        .map(([e, box]) => [box.left, box.right]).sort((one, other) => one[0] - other[0]);
    for (const name of ['x', 'y', 'x2', 'y2'])
        axes[name] = {title: around(`.${name}title`), ticks: around(`.${name}tick text`)};
    return {size: [at.width, at.height], axes, side_by_side: level('.xtick text')};
})"""


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("page", PAGES)
def test_titles_of_axes_keep_off_the_ticks_and_no_text_is_cut(visitors, page, size):
    visitor = visitors(size)
    shown = visitor.open(page)
    shown.wait_for_selector(".js-plotly-plot .xtick text")
    looks = [shown.evaluate(MEASURE)]

    def settled() -> bool:
        looks.append(shown.evaluate(MEASURE))
        return looks[-1] == looks[-2]

    visitor.until(settled, "a figure is laid out again once its labels are measured")
    assert faults(looks[-1]) == []
    visitor.check()


def faults(figures: list[dict]) -> list[str]:
    """Return what is wrong with the texts of figures."""
    found = []
    for number, figure in enumerate(figures):
        width, height = figure["size"]
        beside = figure["side_by_side"]
        if any(left < right for (_, right), (left, _) in zip(beside, beside[1:])):
            found.append(f"ticks of axis x of figure {number} run into each other")
        for axis, boxes in figure["axes"].items():
            for what, box in boxes.items():
                if box and (box[0] < -1 or box[1] < -1 or box[2] > width + 1 or box[3] > height + 1):
                    found.append(f"{what} of axis {axis} of figure {number} are cut")
            title, ticks = boxes["title"], boxes["ticks"]
            if title and ticks:
                gap = title[1] - ticks[3] if axis.startswith("x") else ticks[0] - title[2]
                if gap < LEAST_PX:
                    found.append(f"the title of axis {axis} of figure {number} has {gap:.0f} px to its ticks")
    return found
