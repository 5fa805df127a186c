"""Form, honest table, vectors and curves of a class, on a page of the tests' own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sedcore.artifacts import thresholds as saved
from sedcore.artifacts.runs import Run
from sedcore.artifacts.thresholds import ThresholdVector
from sedcore.evaluation.counts import counts
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.objectives import Cost, FBeta, PrecisionAtLeast
from sedcore.evaluation.tuning import tune

LEADER, SECOND = "20250301-150000-crnn-time-a005", "20250301-130000-crnn-a003"


def page(parts: tuple[str, ...], class_name: str = "Dog") -> None:
    import streamlit as st

    from pages.widgets.compare.class_curves import VIEWS, curve_panel
    from pages.widgets.runs import choice
    from pages.widgets.runs.scene import build_scene
    from pages.widgets.thresholds.saved_thresholds import vector_controls
    from pages.widgets.thresholds.threshold_report import honest_table
    from pages.widgets.thresholds.tuning_form import tuning_form
    from sedcore.artifacts.root import artifact_root

    def on_apply(thresholds: dict[str, float]) -> None:
        st.session_state["applied"] = thresholds
        choice.change(by_class=tuple(sorted(thresholds.items())))

    scene = build_scene(artifact_root(), choice.current())
    if "form" in parts:
        tuning_form(scene, on_apply)
    if "vectors" in parts:
        vector_controls(scene, on_apply)
    if "honest" in parts:
        honest_table(scene)
    if "curves" in parts:
        view = st.segmented_control("Curve", list(VIEWS), default="PR", key="view")
        curve_panel(scene, class_name, view)


@pytest.fixture
def show(monkeypatch):
    def run(root: Path, *parts: str, training: bool = False, class_name: str = "Dog", **params) -> AppTest:
        monkeypatch.setenv("SEDCORE_ARTIFACTS", str(root))
        monkeypatch.setenv("SEDBOARD_TRAINING", "on" if training else "off")
        app = AppTest.from_function(page, default_timeout=60, args=(parts, class_name))
        for key, value in params.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app

    return run


def predictions(root: Path, split: str, run_id: str = LEADER):
    return Run(root / "runs" / run_id).predictions(split)


def tuned_by_hand(root: Path, wanted, split: str = "validation", run_id: str = LEADER, **more) -> dict:
    p = predictions(root, split, run_id)
    return dict(zip(p.classes, tune(counts(p.truth, p.scores), wanted, **more).thresholds.tolist()))


def captions(app: AppTest) -> str:
    return "\n".join(c.value for c in app.caption)


def test_the_form_hands_over_what_is_best_on_validation(show, full_root):
    app = show(full_root, "form", runs=LEADER)
    app.button(key="tuning-apply").click().run()
    assert not app.exception
    assert app.session_state["applied"] == tuned_by_hand(full_root, FBeta())
    assert "F1 0." in captions(app)
    app.selectbox(key="tuning-kind").select("precision").run()
    app.number_input(key="tuning-at").set_value(0.95).run()
    app.button(key="tuning-apply").click().run()
    assert app.session_state["applied"] == tuned_by_hand(full_root, PrecisionAtLeast(0.95))
    app.selectbox(key="tuning-kind").select("cost").run()
    app.segmented_control(key="tuning-scope").set_value("macro").run()
    app.button(key="tuning-apply").click().run()
    assert not app.exception
    assert app.session_state["applied"] == tuned_by_hand(full_root, Cost(5, 1), common="macro")
    assert "by the macro average" in captions(app)


def test_intervals_are_shown_on_demand(show, full_root):
    app = show(full_root, "form", runs=LEADER)
    assert not app.dataframe
    app.toggle(key="tuning-intervals").set_value(True).run()
    assert not app.exception
    table = app.dataframe[0].value
    assert table["Threshold"].tolist() == list(tuned_by_hand(full_root, FBeta()).values())
    assert all(text.startswith("[") for text in table["95 % interval"])


def test_the_honest_table_equals_the_evaluation(show, full_root):
    app = show(full_root, "honest", runs=f"{LEADER},{SECOND}")
    table = app.dataframe[0].value
    for row, run_id in enumerate((LEADER, SECOND)):
        p = predictions(full_root, "test", run_id)
        oracle = list(tuned_by_hand(full_root, FBeta(), "test", run_id).values())
        points = {
            "0.1": 0.1,
            "0.5": 0.5,
            "tuned": list(tuned_by_hand(full_root, FBeta(), run_id=run_id).values()),
            "oracle (optimistic)": oracle,
        }
        for name, thresholds in points.items():
            found = evaluate(p.truth, p.scores, p.classes, thresholds).averages
            assert table[f"Macro F1 {name}"].iloc[row] == pytest.approx(found["macro"].f1, abs=1e-12)
            assert table[f"Micro F1 {name}"].iloc[row] == pytest.approx(found["micro"].f1, abs=1e-12)
        gap = table["Macro F1 tuned"] - table["Macro F1 oracle (optimistic)"]
        assert table["Macro F1 gap"].tolist() == pytest.approx(gap.tolist()) and (gap < 0).all()
    assert "*oracle* is tuned on test itself" in captions(app)
    assert "optimistic too" in captions(show(full_root, "honest", runs=LEADER, split="validation"))


def test_runs_without_validation_scores_are_not_tuned_and_named(show, odd_root):
    ids = "20250301-150000-crnn-time-a005,20250301-110000-cnn-a001,energy"
    app = show(odd_root, "honest", "form", runs=ids)
    table = app.dataframe[0].value
    assert table["Macro F1 tuned"].isna().tolist() == [False, True, True]
    assert table["Macro F1 oracle (optimistic)"].notna().all()
    assert "without scores of these classes on validation: cnn and energy" in captions(app)
    assert "nothing to tune on" in captions(show(odd_root, "form", runs="energy"))


def test_another_objective_adds_its_own_columns(show, full_root):
    app = show(full_root, "form", "honest", runs=LEADER)
    app.selectbox(key="tuning-kind").select("precision").run()
    table = app.dataframe[0].value
    assert {"Recall tuned", "Precision tuned", "Recall gap"} <= set(table.columns)


def test_a_vector_is_saved_and_used_only_where_the_server_may_write(show, tmp_path):
    from tests.pages.conftest import TRAINED, add_trained

    run = add_trained(tmp_path, TRAINED[5], 5)
    app = show(tmp_path, "form", "vectors")
    assert not [b for b in app.button if b.key in ("vectors-save", "vectors-delete")]
    app = show(tmp_path, "form", "vectors", training=True)
    app.button(key="tuning-apply").click().run()
    app.text_input(key="vectors-name").set_value("best").run()
    app.button(key="vectors-save").click().run()
    classes = run.predictions("test").classes
    found = saved.read_thresholds(run, "best", classes)
    assert found.thresholds == tuned_by_hand(tmp_path, FBeta())
    assert (found.split, found.objective) == ("validation", {"kind": "f1"})
    assert "Saved as best" in captions(app)
    app.text_input(key="vectors-name").set_value("../../x").run()
    app.button(key="vectors-save").click().run()
    assert not app.exception and "cannot be used" in app.error[0].value
    assert saved.list_thresholds(run) == ["best"]
    saved.save_thresholds(run, ThresholdVector("low", dict.fromkeys(classes, 0.2)), classes)
    app.run()
    app.selectbox(key="vectors-saved").select("low").run()
    app.button(key="vectors-use").click().run()
    assert set(app.session_state["applied"].values()) == {0.2}
    app.button(key="vectors-delete").click().run()
    assert saved.list_thresholds(run) == ["best"]


def test_thresholds_that_a_hand_moved_are_not_called_tuned(show, tmp_path):
    from tests.pages.conftest import TRAINED, add_trained

    run = add_trained(tmp_path, TRAINED[5], 5)
    app = show(tmp_path, "vectors", training=True, tc="Cat:0.25", t="0.4")
    app.button(key="vectors-save").click().run()
    found = saved.read_thresholds(run, "tuned", run.predictions("test").classes)
    assert (found.split, found.objective) == (None, None)
    assert found.thresholds["Cat"] == 0.25 and found.thresholds["Dog"] == 0.4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"Cat": 0.3}', "no threshold for"),
        ('{"<b>Cats</b>": 0.3}', "no class"),
        ("{half", "not valid JSON"),
    ],
)
def test_a_wrong_upload_is_one_sentence(show, full_root, content, said):
    app = show(full_root, "vectors", runs=LEADER)
    app.file_uploader(key="vectors-upload").upload("v.json", content.encode(), "application/json").run()
    assert not app.exception and said in app.error[0].value and "<b>" not in app.error[0].value


def test_an_upload_is_applied(show, full_root):
    app = show(full_root, "vectors", runs=LEADER)
    wanted = tuned_by_hand(full_root, FBeta())
    app.file_uploader(key="vectors-upload").upload("v.json", json.dumps(wanted).encode(), "application/json")
    app.run()
    assert app.session_state["applied"] == wanted and not app.error


@pytest.mark.parametrize("view", ["PR", "ROC", "DET", "Histogram", "Reliability"])
def test_each_curve_marks_every_run(show, full_root, view):
    app = show(full_root, "curves", runs=f"{LEADER},{SECOND}", t="0.3")
    app.segmented_control(key="view").set_value(view).run()
    assert not app.exception
    figure = json.loads(app.get("plotly_chart")[0].proto.spec)
    kinds = [trace["type"] for trace in figure["data"]]
    assert kinds == (
        ["bar"] * 4 if view == "Histogram" else ["scatter"] * (2 if view == "Reliability" else 4)
    )
    if view == "Histogram":
        assert [shape["x0"] for shape in figure["layout"]["shapes"]] == pytest.approx([0.3] * 4)


@pytest.mark.parametrize("view", ["ROC", "DET", "PR"])
def test_a_class_without_positives_is_said_not_drawn(show, full_root, view):
    app = show(full_root, "curves", runs=LEADER, class_name="Electric_shaver_toothbrush")
    app.segmented_control(key="view").set_value(view).run()
    assert not app.exception and not app.get("plotly_chart")
    assert "Not drawn" in captions(app)


def test_scores_that_are_no_probabilities_have_no_reliability(show, odd_root):
    app = show(odd_root, "curves", runs="energy", class_name="Cat")
    app.segmented_control(key="view").set_value("Reliability").run()
    assert not app.exception and not app.get("plotly_chart")
    assert "energy: the scores go beyond 0 to 1, so they are no probabilities" in captions(app)
    app.segmented_control(key="view").set_value("Histogram").run()
    assert not app.exception and app.get("plotly_chart")


def test_what_a_fixed_threshold_costs_is_said_and_is_the_evaluation(show, full_root):
    app = show(full_root, "honest", runs=f"{LEADER},{SECOND}")
    changes = []
    for run_id in (LEADER, SECOND):
        found = Run(full_root / "runs" / run_id).predictions("test")
        low, high = (
            evaluate(found.truth, found.scores, found.classes, t).averages["micro"].f1 for t in (0.1, 0.5)
        )
        changes.append(low - high)
    assert max(changes) < 0  # these made-up scores are like most: 0.1 is too low
    span = " to ".join(f"−{abs(change):.3f}" for change in sorted(changes))
    assert f"costs each run micro F1 against a fixed 0.5: {span}." in app.markdown[0].value


def test_thresholds_saved_beside_a_run_with_fewer_classes_are_whole(show, odd_root):
    run = Run(odd_root / "runs" / LEADER)
    params = {"runs": f"{LEADER},energy", "common": "1", "tc": "Speech:0.7,Cat:0.2"}
    app = show(odd_root, "vectors", training=True, **params)
    app.selectbox(key="vectors-run").select(LEADER).run()
    app.button(key="vectors-save").click().run()
    found = saved.read_thresholds(run, "tuned", run.predictions("test").classes)
    assert found.thresholds["Speech"] == 0.7 and found.thresholds["Cat"] == 0.2
    app.button(key="vectors-use").click().run()
    assert not app.error and app.session_state["applied"] == found.thresholds


def test_of_costs_the_least_is_bold(show, full_root):
    app = show(full_root, "form", "honest", runs=f"{LEADER},{SECOND}")
    app.selectbox(key="tuning-kind").select("cost").run()
    shown = app.dataframe[0]
    css = shown.proto.arrow_data.styler.styles
    for column in ("Cost 0.1", "Cost 0.5", "Cost tuned", "Macro F1 0.5"):
        place, values = list(shown.value.columns).index(column), shown.value[column]
        best = int(values.argmax() if "F1" in column else values.argmin())
        assert values[0] != values[1]
        bold = [row for row in (0, 1) if re.search(rf"row{row}_col{place}[ ,][^}}]*font-weight", css)]
        assert bold == [best], column
