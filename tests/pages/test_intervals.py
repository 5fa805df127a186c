"""Intervals on Metrics equal the bootstrap's; large runs are resampled only when asked."""

import json
from pathlib import Path

import numpy as np
import pytest

from sedcore.artifacts.runs import Run
from sedcore.evaluation.align import aligned
from sedcore.evaluation.baselines import baselines
from sedcore.evaluation.bootstrap import bootstrap_decisions, bootstrap_ranking
from sedcore.evaluation.evaluate import evaluate
from tests.support.opened import table, texts

LEADER, SECOND = "20250301-150000-crnn-time-a005", "20250301-130000-crnn-a003"


@pytest.fixture
def as_large(monkeypatch):
    """Treat runs of any size as too large to resample unasked, with none of their draws at hand."""

    from pages.widgets.runs import cached
    from sedcore.comparison import scores

    def forget():
        cached._scores.clear()

    forget()
    monkeypatch.setattr(scores, "LARGE", 100)
    yield
    forget()


def held(root: Path, run_id: str):
    found = Run(root / "runs" / run_id).predictions("test")
    return aligned(found.clip_ids, found.classes, found.truth, found.scores)


def written(low: np.ndarray, high: np.ndarray) -> list[str]:
    return ["–" if np.isnan(a) else f"[{a:.3f}, {b:.3f}]" for a, b in zip(low, high)]


@pytest.mark.parametrize("measure", ["F1", "Precision", "Recall", "AP", "ROC AUC"])
def test_intervals_of_classes_equal_the_bootstrap(visit, full_root, measure):
    app = visit(full_root, "metrics", runs=f"{SECOND},{LEADER}", measure=measure)
    assert not app.exception and not app.error
    classes = table(app, "Support")
    name = measure.lower().replace(" ", "_")
    for run_id in (SECOND, LEADER):
        run = held(full_root, run_id)
        if name in ("ap", "roc_auc"):
            draws = bootstrap_ranking(run.truth, [run.scores], resamples=2000)[0]
        else:
            draws = bootstrap_decisions(run.truth, [run.scores >= np.float32(0.5)], resamples=10_000)[0]
        # the classes of these runs are in alphabetical order, as the draws are
        assert list(classes[f"95 % {run_id}"]) == written(*draws.interval(name))
    few = dict(zip(classes["Class"], classes["Caution"]))
    assert {c for c, word in few.items() if word} == {
        "Vacuum cleaner"
    }  # 18 clips; one without any is undefined
    assert few["Vacuum cleaner"] == "few positives"
    number = "2\u202f000" if name in ("ap", "roc_auc") else "10\u202f000"
    assert (
        f"marginal intervals, each of its own number alone, by a paired bootstrap over clips with {number}"
        in texts(app)
    )


def test_dots_have_their_intervals_in_lanes(visit, full_root):
    app = visit(full_root, "metrics", runs=f"{SECOND},{LEADER}")
    traces = {t.get("name"): t for t in json.loads(app.get("plotly_chart")[0].proto.spec)["data"]}
    shown = table(app, "Support")[f"95 % {LEADER}"]
    assert [f"[{a:.3f}, {b:.3f}]" for a, b, _ in traces["crnn_time"]["customdata"][:5]] == list(shown[:5])
    app.toggle(key="metrics-intervals").set_value(False).run()
    assert "95 %" not in " ".join([*table(app, "Support").columns, *table(app, "macro F1").columns])
    traces = {t.get("name"): t for t in json.loads(app.get("plotly_chart")[0].proto.spec)["data"]}
    assert "customdata" not in traces["crnn_time"]


def test_one_average_has_intervals_of_precision_and_recall(visit, full_root):
    app = visit(full_root, "metrics", runs=f"{SECOND},{LEADER}")
    all_four = table(app, "macro F1")
    assert "macro F1 95 %" in all_four and "macro P 95 %" not in all_four
    run = held(full_root, LEADER)
    draws = bootstrap_decisions(run.truth, [run.scores >= np.float32(0.5)], resamples=10_000)[0]
    for name in ("micro", "macro", "weighted", "samples"):
        app.get_by_key("average").set_value(name).run()
        shown = table(app, f"{name} F1")
        for short, part in (("P", "precision"), ("R", "recall"), ("F1", "f1")):
            low, high = draws.interval(f"{name}_{part}")
            assert shown[f"{name} {short} 95 %"].iloc[1] == f"[{low:.3f}, {high:.3f}]"
        assert [c for c in shown.columns if c.startswith("macro")] == (
            [c for c in shown.columns[2:]] if name == "macro" else []
        )


def test_large_runs_wait_to_be_resampled(visit, full_root, as_large):
    app = visit(full_root, "metrics", runs=f"{SECOND},{LEADER}")
    assert not app.exception and not app.error
    assert "95 %" not in " ".join(table(app, "Support").columns)
    assert len(table(app, "macro F1")) == 5  # two runs, three trivial baselines
    toggle = app.toggle(key="metrics-intervals")
    assert toggle.value is False and "about" in toggle.label
    toggle.set_value(True).run()
    assert f"95 % {LEADER}" in table(app, "Support")
    app.get_by_key("measure").set_value("ap").run()
    assert f"95 % {LEADER}" not in table(app, "Support")
    app.button(key="metrics-resample").click().run()
    assert f"95 % {LEADER}" in table(app, "Support") and not app.exception


def test_verdicts_of_large_runs_show_what_needs_no_resampling(visit, full_root, as_large):
    app = visit(full_root, "verdicts", runs=f"{SECOND},{LEADER}")
    assert not app.exception and not app.error
    found = Run(full_root / "runs" / LEADER).predictions("test")
    e = evaluate(found.truth, found.scores, found.classes, 0.5)
    row = table(app, "macro_ap").set_index("Run").loc["crnn_time"]
    assert row["macro_ap"] == pytest.approx(e.mAP)
    assert row["samples_f1"] == pytest.approx(e.averages["samples"].f1)
    held_here = held(full_root, LEADER)
    trivial = baselines(held_here.truth, held_here.classes)
    grey = table(app, "macro_ap").set_index("Run").iloc[2:]
    assert list(grey.index) == list(trivial)
    assert grey["samples_f1"].tolist() == [e.averages["samples"].f1 for e in trivial.values()]
    assert table(app, "True")["True"].tolist() == list(e.support)
    assert not [e for e in app.dataframe if "Rank" in e.value.columns]
    app.button(key="resample").click().run()
    assert not app.exception and len(table(app, "Rank"))
    app.query_params["t"] = "0.4"  # other thresholds: other decisions
    app.run()
    assert not [e for e in app.dataframe if "Rank" in e.value.columns]


def test_what_fires_counts_as_a_loop_over_clips_does(visit, full_root):
    app = visit(full_root, "confusion", runs=LEADER, view="What else fires")
    found = Run(full_root / "runs" / LEADER).predictions("test")
    fired = found.scores >= np.float32(0.5)
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    counts = np.zeros((10, 10, 2), int)
    for truth, made in zip(found.truth, fired):
        for a in np.flatnonzero(truth):
            for b in range(10):
                if a == b or not truth[b]:
                    counts[a, b] += (made[b], 1)
    shown = spec["data"][0]["customdata"]
    if isinstance(shown, dict):  # as Plotly packs arrays
        import base64

        raw = np.frombuffer(base64.b64decode(shown["bdata"]), shown["dtype"])
        shown = raw.reshape([int(n) for n in shown["shape"].split(",")])
    np.testing.assert_array_equal(shown, counts)
