"""`sedcore.compare`: models side by side in a notebook, by the rules of the dashboard's Compare pages.

c = sedcore.compare({"a": (truth, scores_a), "b": (truth, scores_b)})
c                               # values with intervals and ranks, and which is proven better
c.verdict("macro_ap")           # of a against b: "better", "worse", "not proven", "not defined"
c.frame(); c.pairs("micro_f1"); c.classes("f1")
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sedcore.artifacts.predictions import Predictions
from sedcore.artifacts.runs import Run
from sedcore.comparison.common_clips import mismatch
from sedcore.comparison.contenders import Contender, contenders
from sedcore.comparison.scores import HeldScores
from sedcore.comparison.selection import Scored
from sedcore.comparison.verdicts import class_differences, every_pair
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import Evaluation
from sedcore.evaluation.given import given, thresholds_for
from sedcore.evaluation.measures import RUN_MEASURES, measure_behind
from sedcore.evaluation.verdicts import BETTER, Differences, Pairs, proven_ranks
from sedcore.naming import nearest

_SHOWN = ("macro_ap", "micro_f1", "macro_f1")  # measures of a printed comparison


def compare(
    models: Mapping[str, tuple[Any, Any]], thresholds: Any = 0.5, *, classes: Sequence[str] | None = None
) -> Comparison:
    """Compare models by their scores on the same clips: values, intervals and verdicts.

    Intervals and verdicts are those of the paired bootstrap over clips, corrected (Holm) over all pairs.

    Parameters
    ----------
    models : {name: (truth, scores)}, each (clips, classes) as for `sedcore.evaluate`. Arrays must have their clips in
        the same order; tables (DataFrame) are matched by index and columns.
    thresholds : for the F1 measures, as for `sedcore.evaluate`; the same for all models.
    classes : names of the classes; by default those of the columns.

    Raises
    ------
    SedcoreError
        Fewer than two models are given, one cannot be evaluated, or two differ in clips, classes or labels.
    """
    if not isinstance(models, Mapping) or len(models) < 2:
        raise SedcoreError(
            'two models or more are compared; give {"a": (truth, scores), "b": (truth, scores)}'
        )
    group = [
        _held(number, str(name), one, thresholds, classes)
        for number, (name, one) in enumerate(models.items())
    ]
    return Comparison(group)


class Comparison:
    """Runs that compare, resampled when first asked.

    Attributes
    ----------
    evaluations : {name: every measure at the thresholds in force}.
    measures : names that `verdict`, `pairs` and `classes` take.
    """

    measures = tuple(RUN_MEASURES)

    def __init__(self, group: Sequence[Scored], average_seeds: bool = False):
        for other in group[1:]:
            if other.key != group[0].key:
                raise SedcoreError(_why_not(group[0], other))
        self._group, self._average_seeds = list(group), average_seeds
        self._tested: dict[str, Pairs] = {}
        self.evaluations: dict[str, Evaluation] = {one.label: one.evaluation for one in group}

    @property
    def names(self) -> list[str]:
        """Names of what is compared, in the order given; seeds of one configuration are one."""
        return [rival.label for rival in self._rivals]

    @cached_property
    def _rivals(self) -> list[Contender]:
        return contenders(self._group, average_seeds=self._average_seeds)

    def verdict(self, measure: str = "macro_ap", first: str | None = None, second: str | None = None) -> str:
        """Return the verdict on the first against the second in an average.

        It is "better", "worse", "not proven" or "not defined". With two models the names may be left out. Raises
        SedcoreError where the measure or a name is unknown.
        """
        self._check(measure)
        one, other = self._two(first, second)
        return str(self._pairs(measure).verdict[one, other])

    def frame(self) -> pd.DataFrame:
        """Return a row a model and measure: value, the ends of its 95 % interval, rank.

        The rank is 1 plus the number of models proven better; models not proven to differ may share one.
        """
        rows = []
        for measure in self.measures:
            ranks = proven_ranks(self._pairs(measure).verdict == BETTER)
            for rival, rank in zip(self._rivals, ranks):
                low, high = rival.draws.interval(measure)
                rows.append((rival.label, measure, rival.value(measure), float(low), float(high), int(rank)))
        return pd.DataFrame(rows, columns=["name", "measure", "value", "low", "high", "rank"])

    def pairs(self, measure: str = "macro_ap") -> pd.DataFrame:
        """Return a row a pair: difference first minus second, its 95 % interval, p (Holm over the pairs), verdict."""
        tests, names = self._pairs(measure), self.names
        rows = [
            (
                *(names[a], names[b]),
                *(part[a, b] for part in (tests.difference, tests.low, tests.high, tests.p_corrected)),
                tests.verdict[a, b],
            )
            for a, b in zip(*np.triu_indices(len(names), 1))
        ]
        return pd.DataFrame(rows, columns=["first", "second", "difference", "low", "high", "p", "verdict"])

    def classes(
        self, measure: str = "macro_ap", first: str | None = None, second: str | None = None
    ) -> pd.DataFrame:
        """Return a row a class behind an average: both values, difference, interval, p (Holm over classes), verdict.

        A class with fewer than 20 positive clips has "few positives" in place of a verdict.
        """
        differences, name = self.differences(measure, first, second), measure_behind(measure).name
        one, other = (self._rivals[place] for place in self._two(first, second))
        columns = {
            one.label: one.value(name),
            other.label: other.value(name),
            "difference": differences.difference,
        }
        columns |= {
            "low": differences.low,
            "high": differences.high,
            "p": differences.p_corrected,
            "verdict": differences.verdict,
        }
        return pd.DataFrame(columns, index=pd.Index(one.classes, name="class"))

    def differences(
        self, measure: str = "macro_ap", first: str | None = None, second: str | None = None
    ) -> Differences:
        """Return the columns of `classes` as arrays, in its order, for `sedcore.figures.verdicts.forest_plot`."""
        self._check(measure)
        one, other = (self._rivals[place] for place in self._two(first, second))
        return class_differences(one, other, measure)

    def __repr__(self) -> str:
        return f"{self._table().to_string()}\n{self._sentence()}"

    def _repr_html_(self) -> str:
        return f"{self._table().to_html(escape=True)}<p>{html.escape(self._sentence())}</p>"

    def _table(self) -> pd.DataFrame:
        table = self.frame().set_index(["name", "measure"])
        cells = {measure: [_cell(table.loc[(name, measure)]) for name in self.names] for measure in _SHOWN}
        ranks = [int(table.loc[(name, _SHOWN[0]), "rank"]) for name in self.names]
        return pd.DataFrame(cells | {"rank": ranks}, index=self.names)

    def _sentence(self) -> str:
        """Return which models are proven better in macro AP, and which are not."""
        table = self.pairs(_SHOWN[0])
        words = [
            f"{one.first} is {one.verdict} than {one.second}"
            if one.verdict in ("better", "worse")
            else f"{one.first} against {one.second}: {one.verdict}"
            for one in table.itertuples()
        ]
        more = f"; and {len(words) - 6} more pairs" if len(words) > 6 else ""
        return f"{_SHOWN[0]}: {'; '.join(words[:6])}{more}."

    def _pairs(self, measure: str) -> Pairs:
        self._check(measure)
        if measure not in self._tested:
            self._tested[measure] = every_pair(self._rivals, measure)
        return self._tested[measure]

    def _check(self, measure: str) -> None:
        if measure not in RUN_MEASURES:
            near = nearest(measure, RUN_MEASURES)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(RUN_MEASURES)}"
            raise SedcoreError(f"runs are not compared by {measure!r}; {hint}")

    def _two(self, first: str | None, second: str | None) -> tuple[int, int]:
        names = self.names
        if first is None and second is None and len(names) == 2:
            return 0, 1
        for name in (first, second):
            if name not in names:
                raise SedcoreError(f"give two names of {', '.join(names)}; given {name!r}")
        if first == second:
            raise SedcoreError(f"{first!r} is not compared with itself; give two names of {', '.join(names)}")
        return names.index(first), names.index(second)


def _held(number: int, name: str, one: Any, thresholds: Any, classes: Sequence[str] | None) -> Scored:
    """Return arrays as the scores of a run that is not on disk."""
    if not isinstance(one, (tuple, list)) or len(one) != 2:
        raise SedcoreError(f"{name!r} is given as (truth, scores); given is a {type(one).__name__}")
    try:
        known = given(*one, classes)
        index = next(
            (table.index for table in one if isinstance(table, pd.DataFrame)), range(len(known.truth))
        )
        # zero-padded, so that the clips sort as text in their own order
        ids = np.array(
            [f"{clip:09d}" if isinstance(clip, int) else str(clip) for clip in index], dtype=object
        )
        held = Predictions("test", ids, known.classes, known.truth, known.scores)
        scores = HeldScores(Run(Path(str(number))), held, (str(number), "test", 0))
        wanted = np.broadcast_to(
            np.asarray(thresholds_for(thresholds, known.classes), np.float64), len(known.classes)
        )
        return Scored(scores.run, name, scores, scores.evaluation(tuple(wanted.tolist())))
    except SedcoreError as error:
        raise SedcoreError(f"{name}: {error}") from error


def _why_not(first: Scored, second: Scored) -> str:
    """Return why two do not compare, as a sentence."""
    differ = mismatch(first.scores.predictions, second.scores.predictions)
    words = []
    if differ.classes:
        words.append(f"other classes ({', '.join(differ.classes[:4])} in one alone)")
    if differ.shared < max(differ.clips):
        words.append(f"other clips ({differ.clips[0]} and {differ.clips[1]}, {differ.shared} in common)")
    if differ.relabelled:
        words.append(f"other labels for {differ.relabelled} clips")
    return f"{second.label!r} does not compare with {first.label!r}: they have {', and '.join(words)}"


def _cell(row: pd.Series) -> str:
    return "–" if np.isnan(row["value"]) else f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
