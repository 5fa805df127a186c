"""What a page shows of large runs before they are resampled: the offer, and all that needs no resampling."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.compare.ranking_shift import ranks_section, shift_section
from pages.widgets.compare.standings import below_baselines
from pages.widgets.runs.resampling import ask_to_resample
from pages.widgets.runs.scene import Scene
from sedcore.comparison.contenders import Contender, canonical_columns, seconds_to_resample, trivial_baselines
from sedcore.comparison.selection import Scored
from sedcore.data.summary import train_priors
from sedcore.evaluation.baselines import measure_value
from sedcore.evaluation.bootstrap import Draws
from sedcore.evaluation.measures import PICKED, RUN_MEASURES


def offer_resampling(scene: Scene, group: Sequence[Scored]) -> None:
    """Offer to resample large runs, with the time it takes; show values, ranks and label shift at once."""
    e = group[0].evaluation
    st.markdown(
        f"Intervals and verdicts of {fmt.plural(len(group), 'run')} on {fmt.plural(e.clips, 'clip')} and "
        f"{fmt.plural(len(e.classes), 'class', 'classes')} come from resampling the clips, which takes a while. "
        "Values, ranks and label shift are below."
    )
    resample_button(group, "resample", seconds_to_resample(group))
    rivals = sorted(map(_unsampled, group), key=lambda rival: -rival.value("macro_ap"))
    trivial = trivial_baselines(group[0], train_priors(scene.root, group[0].run))
    rows = [{"Run": r.label} | {name: r.value(name) for name in RUN_MEASURES} for r in rivals]
    bold = tables.bold_best(pd.DataFrame(rows), list(RUN_MEASURES))
    rows += [
        {"Run": name} | {measure: measure_value(e, measure) for measure in RUN_MEASURES}
        for name, e in trivial.items()
    ]
    frame = pd.DataFrame(rows)
    st.dataframe(
        tables.styled(
            frame,
            dict.fromkeys(RUN_MEASURES, fmt.score),
            bold=bold.reindex(frame.index, fill_value=False),
            faint_rows=range(len(rivals), len(frame)),
        ),
        key="waiting-values",
        hide_index=True,
        placeholder=fmt.DASH,
        height=tables.height_of(len(frame)),
        column_config={
            name: tables.number_column(one.title, help=one.help) for name, one in RUN_MEASURES.items()
        },
    )
    beaten = below_baselines([(s.label, s.evaluation) for s in group], trivial)
    st.caption(" ".join(["Grey: what one gets without listening.", *beaten]))
    if len(rivals) > 1:
        ranks_section(scene, rivals, "macro_f1")
    shift_section(scene, rivals)


def resample_button(group: Sequence[Scored], key: str, seconds: float) -> None:
    """Offer to resample, with about how long it takes."""
    st.button(
        f"Resample ({about(seconds)})",
        icon=":material/casino:",
        key=key,
        on_click=ask_to_resample,
        args=(group,),
    )


def about(seconds: float) -> str:
    """Return an estimate in words: tens of seconds below two minutes, whole minutes above."""
    rough = max(round(seconds / 10) * 10, 10) if seconds < 115 else round(seconds / 60) * 60
    return f"about {rough} s" if rough < 120 else f"about {rough // 60} min"


def _unsampled(s: Scored) -> Contender:
    """Return a run with the values of the full split and no draws."""
    order, e = canonical_columns(s), s.evaluation
    full = {"support": e.support[order]} | {name: e.by_class[name][order] for name in PICKED}
    full |= {measure: measure_value(e, measure) for measure in RUN_MEASURES}
    return Contender(s.label, (s,), Draws(full, {}), tuple(sorted(e.classes)))
