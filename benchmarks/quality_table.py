"""The parts of `benchmarks.quality`, and their results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from sedcore.artifacts.runs import Run
from sedcore.data.store import DataSet
from sedcore.evaluation.align import Aligned, aligned
from sedcore.evaluation.bootstrap import bootstrap_ranking, seed_mean
from sedcore.evaluation.evaluate import evaluate
from sedcore.evaluation.verdicts import compare

EPOCHS = {"ann": 150, "cnn": 100, "rnn": 150, "crnn": 150}  # the report's
SEEDS = (0, 1, 2)
SHORT = "compact-short"
LAST = 5  # epochs at the end of a training that the ablation averages
AS_THEY_ARE = ["--mixup", "0", "--no-masking", "--no-filtering", "--shifting", "0"]
ABLATION = {  # parts of the recipe, each left out: options of `train`
    "without mixup": ["--mixup", "0"],
    "without masking": ["--no-masking"],
    "without filtering": ["--no-filtering"],
    "without shifting": ["--shifting", "0"],
    "without averaging": ["--averaging", "0"],
    "without frame labels": ["--no-frame-labels"],
    "constant rate": ["--schedule", "constant"],
    "none of them": [
        *AS_THEY_ARE,
        *("--averaging", "0", "--no-frame-labels", "--schedule", "constant"),
    ],
}


def run_of(root: Path, part: str) -> Run:
    """Return the run of a part, whether or not it exists."""
    return Run(root / "runs" / ("quality-" + part.replace(" ", "-")))


def macro_ap(run: Run, split: str = "test") -> float:
    """Return the macro AP of the scores that a run keeps, those of its best epoch."""
    found = run.predictions(split)
    return evaluate(found.truth, found.scores, found.classes, 0.5).mAP


def epoch_s(run: Run) -> float:
    """Return the training seconds of the fastest epoch, validation left out.

    Over hours other work disturbs some epochs; the fastest one was disturbed least.
    """
    return float(run.history()["seconds"].min())


def seconds(run: Run, epochs: int | None = None) -> float:
    """Return the training seconds of so many epochs, all by default, at the speed of the fastest."""
    return epoch_s(run) * (len(run.history()) if epochs is None else epochs)


def to_best(run: Run) -> float:
    """Return the seconds of training until the end of a run's best epoch."""
    return seconds(run, run.info["best_epoch"])


def done(root: Path, parts: Iterable[str]) -> dict[str, Run]:
    """Return the finished ones of these parts."""
    found = {part: run_of(root, part) for part in parts}
    return {p: run for p, run in found.items() if run.path.exists() and run.status().state == "finished"}


def best_of_report(root: Path) -> tuple[str, Run]:
    """Return the best of the four, by validation."""
    found = done(root, EPOCHS)
    if not found:
        raise SystemExit("none of the report's models is trained yet; --parts ann,cnn,rnn,crnn does it")
    return max(found.items(), key=lambda item: macro_ap(item[1], "validation"))


def short_epochs(root: Path) -> int:
    """Return how many epochs of compact fit into a tenth of the time of the best of the four."""
    found = done(root, [f"compact-{seed}" for seed in SEEDS])
    if not found:
        raise SystemExit(f"{SHORT} needs a finished compact, to know how long an epoch takes")
    epoch = np.median([epoch_s(run) for run in found.values()])
    return max(int(to_best(best_of_report(root)[1]) / 10 / epoch), 1)


def table(root: Path, data: DataSet) -> str:
    """Return the results as Markdown."""
    four, compact = done(root, EPOCHS), done(root, [f"compact-{seed}" for seed in SEEDS])
    rest, ablation = done(root, [SHORT]), done(root, [f"compact {words}" for words in ABLATION])
    lines = [
        f"{data.name}: {', '.join(f'{len(data.clips_of(s)):,} {s}' for s in data.splits)} clips. Macro AP.",
        "",
        "| run | validation | test | best epoch of | s an epoch | minutes to the best epoch |",
        "|---|---|---|---|---|---|",
    ]
    for part, run in (four | compact | rest).items():
        info = run.info
        lines.append(
            f"| {part} | {macro_ap(run, 'validation'):.3f} | {macro_ap(run):.3f} | {info['best_epoch']} of "
            f"{info['epochs_run']} | {epoch_s(run):.1f} | {to_best(run) / 60:.1f} |"
        )
    if compact and four:
        lines += ["", verdict(root, list(compact.values())), "", overtaking(root, list(compact.values()))]
    if SHORT in rest and four:
        lines += ["", in_short(root, rest[SHORT])]
    if compact and ablation:
        lines += ["", *ablation_table(compact, ablation)]
    return "\n".join(lines)


def ablation_table(compact: dict[str, Run], ablation: dict[str, Run]) -> list[str]:
    """Return the lines of a table of compact with and without each part of its recipe.

    The best of thirty epochs is partly luck; the mean of the last ones varies less.
    """
    lines = [
        f"| recipe | validation, best epoch | mean of the last {LAST} | test, best epoch |",
        "|---|---|---|---|",
    ]
    for part, run in (compact | ablation).items():
        last = run.history()["validation.mAP"].tail(LAST).mean()
        lines.append(f"| {part} | {macro_ap(run, 'validation'):.3f} | {last:.3f} | {macro_ap(run):.3f} |")
    return lines


def verdict(root: Path, compact: list[Run]) -> str:
    """Return the difference of test macro AP between compact, mean over its seeds, and the best of the four."""
    name, best = best_of_report(root)
    members = [held(run) for run in (*compact, best)]
    draws = bootstrap_ranking(members[0].truth, [member.scores for member in members])
    mean, other = seed_mean(draws[:-1]) if len(compact) > 1 else draws[0], draws[-1]
    found = compare(
        np.atleast_1d(mean.full["macro_ap"]),
        np.atleast_1d(other.full["macro_ap"]),
        np.atleast_2d(mean.draws["macro_ap"]).reshape(-1, 1),
        np.atleast_2d(other.draws["macro_ap"]).reshape(-1, 1),
    )
    values = [macro_ap(run) for run in compact]
    spread = f" (deviation over seeds {np.std(values, ddof=1):.3f})" if len(values) > 1 else ""
    low, high = float(found.low[0]), float(found.high[0])
    return (
        f"compact, {len(values)} seeds: test macro AP {np.mean(values):.3f}{spread}; {name}, the best of the four on "
        f"validation: {macro_ap(best):.3f}. Difference {float(found.difference[0]):+.3f}, 95 % interval [{low:.3f}, "
        f"{high:.3f}]: {found.verdict[0]} (wanted: .05 more)."
    )


def overtaking(root: Path, compact: list[Run]) -> str:
    """Return when compact's validation macro AP passes the highest value of the best of the four."""
    name, best = best_of_report(root)
    target = best.history()["validation.mAP"].max()
    passed = [run for run in compact if (run.history()["validation.mAP"] >= target).any()]
    said = f"{name}'s best macro AP on validation, {target:.3f} after {to_best(best) / 60:.1f} minutes of training,"
    if not passed:
        return f"{said} no seed of compact reaches."
    epochs = [int((run.history()["validation.mAP"] >= target).argmax()) + 1 for run in passed]
    took = float(np.median([seconds(run, n) for run, n in zip(passed, epochs)]))
    return (
        f"{said} compact passes after {took / 60:.1f} ({took / to_best(best):.2f} of it; epochs "
        f"{', '.join(map(str, epochs))}; {len(passed)} of {len(compact)} seeds)."
    )


def in_short(root: Path, short: Run) -> str:
    """Return what compact reaches in a tenth of the time of the best of the four."""
    name, best = best_of_report(root)
    return (
        f"compact in {seconds(short) / 60:.1f} minutes: test macro AP {macro_ap(short):.3f}; {name} in plain Keras in "
        f"{to_best(best) / 60:.1f} minutes: {macro_ap(best):.3f} (wanted: as much in a tenth of the time; it took "
        f"{seconds(short) / to_best(best):.2f} of it)."
    )


def held(run: Run) -> Aligned:
    """Return a run's truth and scores on test, as the bootstrap takes them."""
    found = run.predictions("test")
    return aligned(found.clip_ids, found.classes, found.truth, found.scores)
