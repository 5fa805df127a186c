"""What is in this file of scores? Files and truth are read, matched and shown before anything is written."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base.messages import show_error
from pages.widgets.base.navigation import go_to
from pages.widgets.data.import_preview import (
    attempt,
    begin_anew,
    field_key,
    first_glance,
    import_round,
    matched,
    what_was_understood,
)
from pages.widgets.runs.guarded import guarded
from sedcore.artifacts.files import safe_name
from sedcore.artifacts.imports.folders import copy_into
from sedcore.artifacts.imports.matching import LEAVE_OUT, OTHERS, Question
from sedcore.artifacts.imports.source import Source, Truth
from sedcore.artifacts.imports.understand import Understood, read_scores, write_run
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import find_run
from sedcore.data.store import list_datasets, open_dataset
from sedcore.data.truth import dataset_truth, read_truth
from sedcore.errors import SedcoreError
from sedcore.jobs.switch import training_enabled

MOST_MB = 500  # of one file; a CSV of 20 000 clips and 527 classes has 200
MOST_QUESTIONS = 12  # classes asked about one by one
FILE, DATA, INSIDE = "A file of labels", "A data set", "In the scores' file"
UNDECIDED, OUT, KEEP = "Choose", "Leave it out", "Keep it; no clip has it"
_DONE = "import-done"
FORMATS = """
| what | looks like |
|---|---|
| CSV, Parquet | a column a class and one of clip ids (`filename`, `clip_id` ...); truth in `y_` columns, if there |
| NPZ | `scores` (clips, classes), `clip_ids`, `classes`, perhaps `truth` |
| tagging file | `file,tag,score`, as sed_eval has it |
| score tables | a file a clip: `onset offset Class Class ...`, as sed_scores_eval has them; all files, or a .zip |
| events | `predictions_th_0.31.tsv` ..., DESED events at several thresholds; all files, or a .zip |
"""


def main() -> None:
    st.title("Import scores", anchor=False)
    if not training_enabled():
        st.markdown("Importing is switched off on this server; `predictions import` does it on your own.")
        return
    top = st.container()
    imported()
    left, right = st.columns(2, gap="medium")
    with left:
        source = choose_scores()
    with right:
        truth, split = choose_truth(source)
    if source is None or truth is None:
        top.markdown(waiting(source))
        return
    understood = settle(source, truth, split)
    top.markdown(answer(understood))
    what_was_understood(understood)
    if understood.predictions is not None:
        write(understood)


def waiting(source: Source | None) -> str:
    """Return in words what the page needs next."""
    if source is None:
        return "Scores of any model, from anywhere, become a run like all others. Nothing is written before you see it."
    clips, classes = len(source.clip_ids), len(source.classes)
    return (
        f"**{fmt.escape_markdown(source.name)}** has {fmt.plural(clips, 'clip')} and "
        f"{fmt.plural(classes, 'column')} of scores ({fmt.escape_markdown(source.format)}); now it needs the truth."
    )


def answer(understood: Understood) -> str:
    """Return the page's answer in words."""
    name = fmt.escape_markdown(understood.source)
    if understood.questions:
        asked = fmt.plural(len(understood.questions), "class has", "classes have")
        return f"**{name}** is readable; {asked} no sure counterpart yet. Nothing is written."
    glance = first_glance(understood)
    return (
        f"**{name}** can be imported: {fmt.plural(understood.clips, 'clip')}, "
        f"{fmt.plural(len(understood.sources), 'class', 'classes')}, macro AP {fmt.score(glance.mAP)}. "
        "Nothing is written yet."
    )


def imported() -> None:
    """Show what was imported, with links to its pages."""
    run_id = st.session_state.get(_DONE)
    if not run_id:
        return
    try:
        run = find_run(artifact_root(), run_id)
    except SedcoreError:
        del st.session_state[_DONE]
        return
    wanted = {"runs": run_id, "split": (run.splits() or [""])[0]}
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="import-notice"):
        st.markdown(f":material/check_circle: **{fmt.escape_markdown(run.name)}** is imported.")
        for page, title, icon in (
            ("overview", "Overview", ":material/leaderboard:"),
            ("metrics", "Metrics", ":material/table_chart:"),
        ):
            st.button(
                title,
                icon=icon,
                type="tertiary",
                key=f"import-{page}",
                on_click=go_to,
                args=(page,),
                kwargs=wanted,
            )


def choose_scores() -> Source | None:
    """Show the upload of scores; return the parsed scores, or None with the reason shown."""
    st.subheader("Scores", anchor=False)
    files = st.file_uploader(
        "One file, or all files of a folder",
        accept_multiple_files=True,
        key=f"import-scores-{import_round()}",
        max_upload_size=MOST_MB,
    )
    with st.expander("What can be read"):
        st.markdown(FORMATS)
    if not files:
        return None
    return attempt("scores", _ids(files), lambda: _read_scores(files))


def choose_truth(source: Source | None) -> tuple[Truth | None, str]:
    """Show the upload of the truth; return it (None until there is one) and the split."""
    st.subheader("Truth", anchor=False)
    names = [dataset.name for dataset in list_datasets(artifact_root())]
    inside = source is not None and source.truth is not None
    ways = ([INSIDE] if inside else []) + [FILE] + ([DATA] if names else [])
    way = st.segmented_control(
        "Where the labels are", ways, default=ways[0], required=True, key=f"import-way-{inside}"
    )
    if way == DATA:
        with st.container(horizontal=True):
            name = st.selectbox("Data set", names, key="import-data")
            splits = list(open_dataset(artifact_root(), name).splits)
            split = st.selectbox(
                "Split",
                splits,
                index=splits.index("test") if "test" in splits else 0,
                key="import-data-split",
            )
        return attempt("truth", (name, split), lambda: dataset_truth(artifact_root(), name, split)), split
    truth = source.truth if way == INSIDE else None
    if way == FILE:
        file = st.file_uploader(
            "Strong, weak, a column a class, or DCASE 2016 tags",
            key="import-truth",  # kept after an import: the next system has the same truth
            max_upload_size=MOST_MB,
        )
        if file is not None:
            truth = attempt("truth", _ids([file]), lambda: _read_truth(file))
    split = st.text_input(
        "Split",
        "test",
        key="import-split",
        width=200,
        help="Runs are compared split by split; test is usual.",
    )
    return truth, safe_name(split.strip(), "split")


def settle(source: Source, truth: Truth, split: str) -> Understood:
    """Match scores and truth; ask about the classes that have no sure counterpart."""
    understood = matched(source, truth, split, ())
    if not understood.questions:
        return understood
    with st.container(border=True, key="import-questions"):
        st.markdown(":material/help: **Which class is which?**")
        ours = [q for q in understood.questions if q.of == "scores"]
        answers = ask_scores(ours, understood)
        understood = matched(source, truth, split, answers)
        theirs = [q for q in understood.questions if q.of == "truth"]
        if not any(q.of == "scores" for q in understood.questions):
            for question in theirs[:MOST_QUESTIONS]:
                chosen = st.selectbox(
                    f"{fmt.escape_markdown(question.name)} of the truth has no scores",
                    [UNDECIDED, OUT],
                    key=field_key("truth", understood, question.name),
                )
                answers += ((LEAVE_OUT, question.name),) if chosen == OUT else ()
            if len(theirs) > MOST_QUESTIONS and st.checkbox(
                f"Leave out the {len(theirs) - MOST_QUESTIONS} other classes of the truth without scores"
            ):
                answers += tuple((LEAVE_OUT, q.name) for q in theirs[MOST_QUESTIONS:])
    return matched(source, truth, split, answers)


def ask_scores(questions: Sequence[Question], understood: Understood) -> tuple[tuple[str, str], ...]:
    """Ask about classes of the scores; return the answers as a class map."""
    missing = [q.name for q in understood.questions if q.of == "truth"]
    answers: list[tuple[str, str]] = []
    columns = st.columns(3)
    for place, question in enumerate(questions[:MOST_QUESTIONS]):
        near = dict.fromkeys([*question.candidates, *missing])
        # options by index: a class may have the same name as one of the fixed options
        options = [(UNDECIDED, None), (OUT, LEAVE_OUT), *((name, name) for name in near)]
        options += [] if understood.closed else [(KEEP, question.name)]
        with columns[place % 3]:
            chosen = st.selectbox(
                f"{fmt.escape_markdown(question.name)} of the scores is",
                range(len(options)),
                format_func=[label for label, _ in options].__getitem__,
                key=field_key("scores", understood, question.name),
            )
        if chosen:
            answers.append((question.name, options[chosen][1]))
    ways = [OUT] if understood.closed else [OUT, KEEP]
    others = len(questions) - MOST_QUESTIONS
    if others > 0:
        chosen = st.selectbox(
            f"The {others} other classes", [UNDECIDED, *ways], key=field_key("others", understood, "")
        )
        if chosen != UNDECIDED:
            answers.append((OTHERS, LEAVE_OUT if chosen == OUT else OTHERS))
    return tuple(answers)


def write(understood: Understood) -> None:
    """Ask for a name and write the run."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input(
            "Name of the run", Path(understood.source).stem[:120], key=field_key("name", understood, "")
        )
        pressed = st.button("Import", type="primary", icon=":material/download_done:", key="import-write")
    if not pressed:
        return
    try:
        run = write_run(artifact_root(), understood, name)
    except SedcoreError as error:
        show_error(error)
        return
    st.session_state[_DONE] = run.run_id
    begin_anew()
    st.rerun()


def _read_scores(files: Sequence) -> Source:
    if sum(file.size for file in files) > 2 * MOST_MB * 1_000_000:
        raise SedcoreError(
            f"the files are more than {2 * MOST_MB} MB together; use the command line for them"
        )
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / f"{len(files)} files"
        folder.mkdir()
        paths = [copy_into(folder, file.name, file.getvalue()) for file in files]
        return read_scores(paths[0] if len(paths) == 1 else folder)


def _read_truth(file: Any) -> Truth:
    with tempfile.TemporaryDirectory() as temporary:
        return read_truth(copy_into(Path(temporary), file.name, file.getvalue()))


def _ids(files: Sequence) -> tuple[str, ...]:
    return tuple(file.file_id for file in files)


guarded(main)
