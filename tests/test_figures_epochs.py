"""The heat map of classes over epochs."""

from __future__ import annotations

import numpy as np
import pandas as pd

from sedcore.figures.epochs import MOST_NAMED, class_epochs_figure


def made(epochs: int, classes: int) -> pd.DataFrame:
    values = np.linspace(0, 1, epochs * classes).reshape(epochs, classes)
    return pd.DataFrame(values, index=range(1, epochs + 1), columns=[f"Class_{c}" for c in range(classes)])


def test_rows_are_classes_and_the_last_values_stand_beside_them():
    table = pd.DataFrame([[0.1, np.nan], [0.25, np.nan]], index=[1, 2], columns=["Dog_bark", "<b>"])
    figure = class_epochs_figure(table, 2)
    heat = figure.data[0]
    assert heat.z.tolist()[0] == [0.1, 0.25] and np.isnan(heat.z[1]).all()
    assert list(heat.text[1]) == ["&lt;b&gt;", "&lt;b&gt;"]
    assert [note.text for note in figure.layout.annotations] == ["0.25", "–"]
    assert list(figure.layout.yaxis.ticktext) == ["Dog bark", "&lt;b&gt;"]
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (1.5, 2.5)


def test_no_frame_where_the_best_epoch_is_unknown():
    assert not class_epochs_figure(made(3, 2), None).layout.shapes
    assert not class_epochs_figure(made(3, 2), 9).layout.shapes


def test_many_classes_go_without_names_and_stay_on_a_page():
    figure = class_epochs_figure(made(4, 527), 4)
    assert not figure.layout.annotations and len(figure.layout.yaxis.tickvals) == 0
    assert figure.layout.height < 3000
    assert len(class_epochs_figure(made(4, MOST_NAMED), 4).layout.annotations) == MOST_NAMED
