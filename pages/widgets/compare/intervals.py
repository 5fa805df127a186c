"""The interval beside each number: marginal, 95 %, from the paired bootstrap over clips."""

from __future__ import annotations

from pages.widgets.base import format as fmt
from pages.widgets.runs import cached
from pages.widgets.runs.scene import Scene
from sedcore.comparison.contenders import ranking_kept, resamples_of
from sedcore.comparison.selection import Scored
from sedcore.evaluation.bootstrap import Draws
from sedcore.evaluation.measures import measure_behind


def draws_for(scene: Scene, measure: str) -> dict[str, Draws]:
    """Return the draws that hold a measure, by run id, of all scored runs."""
    if not measure_behind(measure).needs_threshold:
        return {s.run.run_id: cached.ranking_draws(s) for group in scene.groups for s in group}
    return {run_id: drawn for group in scene.groups for run_id, drawn in cached.decision_draws(group).items()}


def macro_ap_interval(scored: Scored) -> str:
    """Return [0.841, 0.866] of macro AP, "" where resampling would delay the page (large splits, not drawn yet)."""
    if scored.scores.large and not ranking_kept(scored):
        return ""
    return fmt.interval(*cached.ranking_draws(scored).interval("macro_ap"))


def interval_note(scene: Scene, measure: str) -> str:
    """Say what the intervals beside a measure are."""
    ranked = not measure_behind(measure).needs_threshold
    number = fmt.count(resamples_of(scene.lead_group[0])[int(ranked)])
    return (
        f"95 %: marginal intervals, each of its own number alone, by a paired bootstrap over clips with {number} "
        "resamples; whether two runs differ stands on Verdicts."
    )
