"""What sedcore.comparison says without a page is what the pages show, to the last digit."""

from __future__ import annotations

import numpy as np

from sedcore.artifacts.index import RunIndex
from sedcore.comparison.all_runs import all_runs
from sedcore.comparison.contenders import contenders, draws_of
from sedcore.comparison.selection import Choice, Reader, select
from sedcore.comparison.verdicts import by_value, class_differences, every_pair
from tests.support.opened import table

CHOSEN = ("20250301-150000-crnn-time-a005", "20250301-130000-crnn-a003", "20250301-110000-cnn-a001")
THRESHOLD, OWN = 0.37, ("Dog", 0.62)  # neither is a stop of the sliders' grid


def chosen(root):
    return select(Reader(RunIndex(root, keep=False)), Choice(CHOSEN, "test", "", THRESHOLD, (OWN,)))


def address() -> dict[str, str]:
    return {"runs": ",".join(CHOSEN), "t": str(THRESHOLD), "tc": f"{OWN[0]}:{OWN[1]}"}


def test_averages_of_metrics(visit, full_root):
    shown = table(visit(full_root, "metrics", **address()), "micro F1").set_index("Run")
    for s in chosen(full_root).scored:
        for average in ("micro", "macro", "weighted", "samples"):
            prf = s.evaluation.averages[average]
            row = shown.loc[s.label]
            assert (row[f"{average} P"], row[f"{average} R"], row[f"{average} F1"]) == tuple(
                (prf.precision, prf.recall, prf.f1)
            )


def test_all_runs_of_overview(visit, full_root):
    selection = chosen(full_root)
    counted, _ = selection.reader.look_up(selection.runs, "test", selection.listing)
    columns = all_runs(selection.runs, "test", selection.choice, counted)
    shown = table(visit(full_root, "overview", **address()), "Macro F1").set_index("Name")
    scored = [place for place, key in enumerate(columns.keys) if key]
    assert len(scored) == 6
    for place in scored:
        run = selection.runs[place]
        row = next(
            row for name, row in shown.iterrows() if name.removesuffix(" ★") == selection.labels[run.run_id]
        )
        for name, measure in (("Macro AP", "macro_ap"), ("Micro F1", "micro_f1"), ("Macro F1", "macro_f1")):
            assert row[name] == columns.values[measure][place]
        alone = selection.score(run).evaluation
        assert np.isclose(columns.values["macro_f1"][place], alone.averages["macro"].f1, rtol=1e-12)


def test_verdicts_of_pairs_and_classes(visit, full_root):
    app = visit(full_root, "verdicts", **address())
    rivals = by_value(contenders(chosen(full_root).lead_group), "macro_ap")
    pairs, matrix = every_pair(rivals, "macro_ap"), table(app, "Rank").set_index("Run")
    for i, rival in enumerate(rivals):
        assert matrix.loc[rival.label, "Value"] == rival.value("macro_ap")
        for j, other in enumerate(rivals):
            gap = f"{abs(pairs.difference[i, j]):.3f}"
            said = matrix.loc[rival.label, other.run.run_id]
            assert i == j or (said.startswith(pairs.verdict[i, j]) and said.endswith(gap))
    assert set(pairs.verdict[~np.eye(3, dtype=bool)]) >= {"better", "worse"}
    shown = table(app, "McNemar p").set_index("Class")
    differences = class_differences(rivals[0], rivals[1], "macro_ap")
    for c, name in enumerate(rivals[0].classes):
        assert np.array_equal(
            shown.loc[name.replace("_", " "), "Difference"], differences.difference[c], equal_nan=True
        )


def test_draws_do_not_depend_on_who_else_is_drawn(full_root):
    group = chosen(full_root).lead_group
    together, alone = draws_of(group), draws_of(group[:1])
    run_id = group[0].run.run_id
    for measure, drawn in alone[run_id].draws.items():
        # sums over clips are taken in another order
        np.testing.assert_allclose(drawn, together[run_id].draws[measure], rtol=1e-12)
