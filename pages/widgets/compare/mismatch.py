"""What keeps runs from comparing, in words."""

from __future__ import annotations

from collections.abc import Sequence

from pages.widgets.base.format import class_title, escape_markdown, listing, plural
from sedcore.comparison.common_clips import Mismatch, mismatch
from sedcore.comparison.scores import Scores
from sedcore.comparison.selection import Scored


def names_of(group: Sequence[Scored], limit: int = 4) -> str:
    """Return the names of runs as a Markdown phrase."""
    return _named([s.label for s in group], limit)


def group_differences(groups: Sequence[Sequence[Scored]]) -> list[str]:
    """Return a sentence a group on what keeps its runs from comparing with those of the first."""
    return differences([([s.label for s in group], group[0].scores) for group in groups])


def differences(groups: Sequence[tuple[Sequence[str], Scores]]) -> list[str]:
    """Return the sentences of `group_differences` for groups given as labels and the scores of one run."""
    sentences = []
    for labels, scores in groups[1:]:
        verb = "is" if len(labels) == 1 else "are"
        differ = mismatch(groups[0][1].predictions, scores.predictions)
        sentences.append(
            f"{_named(labels)} {verb} not comparable with {_named(groups[0][0])}: {listing(_words(differ))}."
        )
    return sentences


def _named(labels: Sequence[str], limit: int = 4) -> str:
    # only the names shown are escaped
    shown = [f"**{escape_markdown(label)}**" for label in labels[:limit]]
    return listing(shown + [""] * (len(labels) - len(shown)), limit)


def _words(differ: Mismatch) -> list[str]:
    words = []
    if differ.classes:
        named = listing([escape_markdown(class_title(name)) for name in differ.classes], 4)
        words.append(f"other classes ({named} on one side only)")
    ours, theirs = differ.clips
    if differ.shared < max(ours, theirs):
        words.append(
            f"other clips ({plural(theirs, 'clip')} against {plural(ours, 'clip')}, "
            f"{plural(differ.shared, 'clip')} in common)"
        )
    if differ.relabelled:
        words.append(f"other labels for {plural(differ.relabelled, 'clip')}")
    return words
