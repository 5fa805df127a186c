"""What is in the data? Balance by split, co-occurrence, lengths of events, example clips, problems."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.widgets.base import format as fmt
from pages.widgets.base import tables
from pages.widgets.base.navigation import link_to
from pages.widgets.data.clip_pictures import clips_to_look_at, seconds, title
from pages.widgets.data.co_occurrence import MOST_CLASSES, say_cut, together_and_lengths
from pages.widgets.data.dataset_choice import PARAM, choose_dataset
from pages.widgets.runs import cached
from pages.widgets.runs.address import BY_PAGE
from pages.widgets.runs.guarded import guarded
from sedcore.data import summary
from sedcore.data.store import DataSet
from sedcore.figures import style
from sedcore.figures.data import balance_figure


def main() -> None:
    st.title("Data sets", anchor=False)
    top = st.container()
    dataset = choose_dataset()
    if dataset is None:
        return
    balance = summary.balance_table(dataset)
    shift = cached.label_shifts(dataset, balance)
    top.markdown(answer(dataset, balance, shift))
    sizes(dataset)
    problems(dataset)
    class_balance(dataset, balance, shift)
    together_and_lengths(dataset, balance)
    clips_to_look_at(dataset, balance)
    about(dataset)


def answer(dataset: DataSet, balance: pd.DataFrame, shift: pd.DataFrame) -> str:
    """Return the page's answer in words."""
    clips = sum(split["clips"] for split in dataset.info["splits"].values())
    first = balance[balance["split"] == dataset.splits[0]]
    most, least = first.loc[first["share"].idxmax()], first.loc[first["share"].idxmin()]
    name = fmt.escape_markdown(dataset.name)
    sentences = [
        f"**{name}** has {fmt.plural(clips, 'clip')} in {fmt.plural(len(dataset.splits), 'split')} and "
        f"{fmt.plural(len(dataset.classes), 'class', 'classes')}: in {fmt.escape_markdown(dataset.splits[0])}, "
        f"{title(most['label'])} is in {fmt.percent(most['share'])} of the clips, "
        f"{title(least['label'])} in {fmt.percent(least['share'])}."
    ]
    moved = shift[shift["beyond_chance"].astype(bool)]
    if len(moved):
        verb = "is" if len(moved) == 1 else "are"
        sentences.append(
            f"{fmt.listing([title(c) for c in moved['label']], 4)} {verb} not as frequent in all splits."
        )
    elif len(dataset.splits) > 1:
        sentences.append("The splits are balanced alike, up to chance.")
    problems = len(dataset.problems)
    sentences.append(
        f"The import found {fmt.plural(problems, 'problem')}." if problems else "The import found no problem."
    )
    return " ".join(sentences)


def sizes(dataset: DataSet) -> None:
    """Show a row a split: clips, hours, labels, events."""
    frame = summary.split_table(dataset)
    shown = pd.DataFrame(
        {
            "Split": frame["split"],
            "Clips": frame["clips"],
            "Hours": frame["hours"],
            "Classes a clip": frame["labels"],
            "Without a class": frame["unlabelled"],
            "Events": frame["events"],
        }
    )
    if dataset.events is None:
        shown = shown.drop(columns="Events")
    formats = {
        "Clips": fmt.count,
        "Hours": lambda hours: fmt.score(hours, 2),
        "Classes a clip": lambda mean: fmt.score(mean, 2),
        "Without a class": fmt.count,
        "Events": fmt.count,
    }
    number = tables.number_column
    st.dataframe(
        tables.styled(shown, formats),
        hide_index=True,
        placeholder=fmt.DASH,
        key="data-sizes",
        height=tables.height_of(len(shown)),
        column_config={
            "Split": st.column_config.TextColumn(pinned=True),
            "Hours": number(help="Of audio, by the clips' own lengths."),
            "Classes a clip": number(help="Mean number of classes that a clip is labelled with."),
            "Without a class": number(help="Clips in which none of the classes sounds."),
            "Events": number(help="Sounds with onset and offset, as the strong labels give them."),
        },
    )
    lengths = dataset.clips["duration_s"]
    if len(lengths):
        low, middle, high = lengths.min(), lengths.median(), lengths.max()
        if high - low < 0.05:
            words = f"All clips last {seconds(middle)}."
        else:
            words = f"Clips last {seconds(low)} to {seconds(high)}, {seconds(middle)} in the middle."
        windows = int((dataset.clips["rows"] > 1).sum())
        if windows:
            window = seconds(float(dataset.info["clip_s"]))
            words += f" {fmt.plural(windows, 'clip')} longer than {window} became windows of that length."
        st.caption(words)


def problems(dataset: DataSet) -> None:
    """Show what the import found, if anything."""
    if not dataset.problems:
        return
    frame = pd.DataFrame(dataset.problems).reindex(columns=["level", "file", "message"])
    frame.columns = ["Level", "Where", "What was found, and what to do"]
    with st.expander(
        f"{fmt.plural(len(frame), 'problem')} found at import",
        icon=":material/warning:",
        expanded=len(frame) <= 3,
    ):
        st.dataframe(
            frame,
            hide_index=True,
            key="data-problems",
            height=tables.height_of(len(frame), 10),
            column_config={"Level": st.column_config.TextColumn(width="small")},
        )


def class_balance(dataset: DataSet, balance: pd.DataFrame, shift: pd.DataFrame) -> None:
    """Show how frequent each class is in each split, as figure and table, and where the splits differ."""
    st.subheader("Class balance", anchor=False)
    labels = summary.most_frequent(balance, MOST_CLASSES)
    left, right = st.columns([2, 3], gap="medium")
    with left:
        figure = balance_figure(balance, labels)
        st.plotly_chart(
            figure, key="data-balance", config=style.CONFIG, alt="Share of clips by class and split"
        )
        say_cut(dataset, "The table has them all.")
    with right:
        balance_rows(dataset, balance, shift)


def balance_rows(dataset: DataSet, balance: pd.DataFrame, shift: pd.DataFrame) -> None:
    """Show the table of counts and shares."""
    order = summary.most_frequent(balance)
    frame = pd.DataFrame({"Class": [fmt.class_title(label) for label in order]})
    formats, columns = {}, {"Class": st.column_config.TextColumn(pinned=True, width=178)}
    for split in dataset.splits:
        rows = balance[balance["split"] == split].set_index("label").loc[order]
        frame[split] = rows["positives"].to_numpy()
        frame[f"{split} %"] = rows["share"].to_numpy()
        formats[split] = fmt.count
        formats[f"{split} %"] = lambda share: fmt.percent(share, 1)
        words = fmt.escape_markdown(split)
        columns[split] = tables.number_column(
            help=f"Clips of {words} with the class.", width=len(split) * 7 + 20
        )
        columns[f"{split} %"] = tables.number_column("%", help=f"Share of the clips of {words}.", width=62)
    export = frame.copy()
    if len(shift):
        moved = shift.set_index("label").loc[order]
        export["shift"] = moved["difference"].to_numpy()
        frame["Shift"] = [
            fmt.difference(100 * d, 1) + (" *" if beyond else "")
            for d, beyond in zip(moved["difference"], moved["beyond_chance"])
        ]
        columns["Shift"] = st.column_config.TextColumn(
            width=68,
            alignment="right",
            help=f"Largest difference of the share from that in {fmt.escape_markdown(dataset.splits[0])}, in points "
            "of per cent. A star: more than chance gives (Fisher's exact test at 0.05 over all classes and splits, "
            "corrected after Holm).",
        )
    st.dataframe(
        tables.styled(frame, formats),
        hide_index=True,
        key="data-balance-table",
        column_config=columns,
        height=tables.height_of(len(frame), 14),
    )
    tables.csv_button(export, f"{dataset.name}-balance.csv", "data-balance-csv")


def about(dataset: DataSet) -> None:
    """Show source, licence, features and fingerprint."""
    st.subheader("About", anchor=False)
    info = dataset.info
    facts = [("Source", _source(info.get("source") or {})), ("Labels", info.get("labels") or "")]
    facts.append(("Licence", info.get("licence_note") or "no note was given"))
    facts.append(("Sample rate", f"{fmt.count(info.get('sample_rate_hz'))} Hz"))
    facts.append(("Imported", f"{fmt.moment(info.get('created'))} UTC"))
    facts.append(("Fingerprint", dataset.fingerprint))
    lines = [f"- {name}: {fmt.escape_markdown(value)}" for name, value in facts if value]
    built = []
    for kind in dataset.feature_names():
        feature = dataset.feature_info(kind)
        built.append(
            f"{fmt.escape_markdown(kind)} ({fmt.count(feature['frames'])} frames × {feature['bands']} bands, "
            f"{fmt.escape_markdown(str(feature.get('dtype', '')))})"
        )
    lines.append(f"- Features: {fmt.listing(built) if built else 'none here'}")
    st.markdown("\n".join(lines))
    if built:
        link_to(
            "new_run",
            "Train on this data set",
            icon=":material/play_circle:",
            query_params={"data": dataset.name},
        )


def _source(source: dict) -> str:
    """Return where a set came from, in words. Folders are cut to their last part: a hosted page shows no paths."""
    if source.get("kind") == "demo":
        return f"made from code with seed {source.get('seed')}"
    kind = {"npy": "pairs of .npy files", "audio": "audio files"}.get(
        source.get("kind"), source.get("kind") or ""
    )
    folders = [
        f"{split} from {Path(folder).name}/" for split, folder in (source.get("folders") or {}).items()
    ]
    shares = [f"{split} {share:g}" for split, share in (source.get("fractions") or {}).items()]
    parts = folders + ([f"divided into {', '.join(shares)} with seed {source.get('seed')}"] if shares else [])
    return f"{kind}; {'; '.join(parts)}" if parts else kind


guarded(main, {PARAM: BY_PAGE})
