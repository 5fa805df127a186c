"""The command line, thin: ``python -m sedcore COMMAND``. Scripts call it, so it is a contract.

Bad input is one line on stderr and exit code 2. Results go to stdout, everything else to stderr; progress bars
appear on a terminal only. RUN is a run id or a unique name. Heavy libraries are imported by the commands that
need them, so that the light ones answer at once.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path

from sedcore.artifacts import runs
from sedcore.artifacts.files import without_nan
from sedcore.artifacts.root import artifact_root
from sedcore.errors import SedcoreError

FEATURES = ("mel", "logmel", "mfcc", "mfcc_report")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str):
        raise SedcoreError(f"{message} (see {self.prog} --help)")


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 for a training that failed, 2 for bad input, 130 if stopped."""
    try:
        args = parser().parse_args(argv)
        return args.command(args) or 0
    except SedcoreError as error:
        print(error, file=sys.stderr)
        return 2
    except UnicodeEncodeError as error:  # a name whose bytes are not UTF-8 can neither be printed nor stored
        near = error.object[max(error.start - 40, 0) : error.end + 20]
        print(f"not UTF-8, so it cannot be stored: {near!a}; rename that file or folder", file=sys.stderr)
        return 2
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    # After the subcommand it must not reset what stood before it, hence SUPPRESS.
    common = _Parser(add_help=False)
    common.add_argument(
        "--artifacts", metavar="DIR", default=argparse.SUPPRESS, help="artifact root (./artifacts)"
    )
    top = _Parser(prog="sedcore", description="Train, compare and choose multi-label sound event models.")
    top.add_argument("--artifacts", metavar="DIR", default=None, help="artifact root (./artifacts)")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(group, name: str, command, text: str) -> argparse.ArgumentParser:
        made = group.add_parser(name, help=text, description=text, parents=[common])
        made.set_defaults(command=command)
        return made

    data = commands.add_parser(
        "data", help="import, list and show data sets", parents=[common]
    ).add_subparsers(required=True, metavar="ACTION")
    _data_commands(add, data)
    demo = add(commands, "demo-data", _demo_data, "build the demo data set from code alone")
    demo.add_argument("--clips", type=int, default=1000)
    demo.add_argument("--name", default="demo")
    demo.add_argument("--seed", type=int, default=0)
    demo.add_argument("--features", type=_features, default=("logmel",), metavar="KIND[,KIND]")
    demo_runs = add(
        commands, "demo-runs", _demo_runs, "train the demo runs and add the report's printed tables"
    )
    demo_runs.add_argument("--models", help="only these, separated by commas")
    _train_command(add(commands, "train", _train, "train a model on a data set"))
    _run_commands(add, commands)
    metrics = add(commands, "metrics", _metrics, "averages and per-class scores of runs")
    metrics.add_argument("runs", nargs="+", metavar="RUN")
    metrics.add_argument("--split", default="test")
    metrics.add_argument("--threshold", type=float, default=0.5)
    metrics.add_argument("--json", action="store_true")
    predictions = commands.add_parser("predictions", help="scores as files", parents=[common]).add_subparsers(
        required=True, metavar="ACTION"
    )
    export = add(predictions, "export", _export, "write truth and scores of a run as CSV or Parquet")
    export.add_argument("run", metavar="RUN")
    export.add_argument("--split", default="test")
    export.add_argument("--out", type=Path, required=True, metavar="FILE", help=".csv or .parquet")
    predict = add(commands, "predict", _predict, "score audio files with a trained run")
    predict.add_argument("run", metavar="RUN")
    predict.add_argument("files", nargs="+", type=Path, metavar="AUDIO")
    predict.add_argument("--json", action="store_true")
    return top


def _data_commands(add, data) -> None:
    imported = add(data, "import", _import, "import .npy pairs or audio with labels")
    imported.add_argument("name", metavar="NAME")
    for split in ("train", "validation", "test"):
        imported.add_argument(f"--{split}", type=Path, required=split == "train", metavar="DIR")
    imported.add_argument(
        "--fractions", type=_fractions, metavar="A,B,C", help="cut --train into the three splits"
    )
    imported.add_argument("--features", type=_features, default=("logmel",), metavar="KIND[,KIND]")
    imported.add_argument("--source", choices=("npy", "audio"))
    imported.add_argument("--labels", type=Path, metavar="FILE")
    imported.add_argument("--clip-seconds", type=float, default=10.0, metavar="S")
    imported.add_argument("--bands", type=int, help="mel bands: 64 for audio; folds those of .npy files")
    imported.add_argument("--sample-rate", type=int, default=16000, metavar="HZ")
    imported.add_argument("--hop-seconds", type=float, default=0.01, metavar="S")
    imported.add_argument("--fft", type=int, default=1024, metavar="N", help="samples of a spectrum's window")
    imported.add_argument("--coefficients", type=int, default=20, metavar="N", help="of the MFCC")
    imported.add_argument("--seed", type=int, default=0, help="of the split by --fractions")
    imported.add_argument("--workers", type=int, help="processes that read audio (one a core)")
    built = add(data, "features", _build_features, "add features that follow from those stored")
    built.add_argument("name", metavar="NAME")
    built.add_argument("--features", type=_features, required=True, metavar="KIND[,KIND]")
    show = add(data, "show", _data_show, "what a data set holds, and the problems found at its import")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--json", action="store_true")
    add(data, "list", _data_list, "the data sets that are there")


def _train_command(train: argparse.ArgumentParser) -> None:
    train.add_argument("dataset", metavar="NAME")
    train.add_argument("--model", required=True)
    train.add_argument("--features", default="logmel")
    train.add_argument("--epochs", type=int, help="at most; default by model")
    train.add_argument("--batch-size", type=int, default=32)
    train.add_argument("--learning-rate", type=float, help="default by model")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument(
        "--patience", type=int, default=10, help="epochs without improvement; 0: never stop early"
    )
    train.add_argument("--threshold", type=float, default=0.5, help="of the F1 in the training history")
    train.add_argument("--run-id", metavar="ID")
    train.add_argument("--name", default="", metavar="TEXT")


def _run_commands(add, commands) -> None:
    listing = add(commands, "runs", _runs, "list, rename, tag, annotate and delete runs")
    listing.add_argument("--json", action="store_true")
    actions = listing.add_subparsers(metavar="ACTION")
    rename = add(actions, "rename", _runs_rename, "give a run another name")
    rename.add_argument("run", metavar="RUN")
    rename.add_argument("name", metavar="TEXT")
    tag = add(actions, "tag", _runs_tag, "replace a run's tags (none: remove them)")
    tag.add_argument("run", metavar="RUN")
    tag.add_argument("tags", nargs="*", metavar="TAG")
    note = add(actions, "note", _runs_note, "replace a run's note")
    note.add_argument("run", metavar="RUN")
    note.add_argument("text", metavar="TEXT")
    delete = add(actions, "delete", _runs_delete, "delete runs for good")
    delete.add_argument("runs", nargs="+", metavar="RUN")


def _features(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in FEATURES]
    if unknown or not kinds:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(FEATURES)}")
    return kinds


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 0.7,0.15,0.15") from None


def _tell(line: str) -> None:
    wipe = "\r\033[K" if sys.stderr.isatty() else ""
    print(f"{wipe}{line}", file=sys.stderr, flush=True)


def _bar(done: int, total: int) -> None:
    end = "\n" if done >= total else ""
    print(f"\r\033[K{done}/{total}", end=end, file=sys.stderr, flush=True)


def _progress():
    return _bar if sys.stderr.isatty() else None


def _print_json(value) -> None:
    print(json.dumps(without_nan(value), indent=1, ensure_ascii=False))


# ---- data -----------------------------------------------------------------------------------------------------


def _import(args) -> None:
    from sedcore.data.importing import import_dataset

    dataset = import_dataset(
        artifact_root(args.artifacts),
        args.name,
        train=args.train,
        validation=args.validation,
        test=args.test,
        fractions=args.fractions,
        features=args.features,
        source=args.source,
        labels=args.labels,
        clip_s=args.clip_seconds,
        bands=args.bands,
        sample_rate_hz=args.sample_rate,
        hop_s=args.hop_seconds,
        n_fft=args.fft,
        n_mfcc=args.coefficients,
        seed=args.seed,
        workers=args.workers,
        progress=_progress(),
        announce=_tell,
    )
    _tell_dataset(dataset)


def _build_features(args) -> None:
    from sedcore.data.writing import build_features

    build_features(artifact_root(args.artifacts), args.name, args.features, progress=_progress())


def _tell_dataset(dataset) -> None:
    for problem in dataset.problems:
        _tell(f"{problem['level']}: {problem['file']}: {problem['message']}")
    sizes = ", ".join(f"{split} {len(dataset.clips_of(split))}" for split in dataset.splits)
    print(f"{dataset.name}: {len(dataset.classes)} classes; clips: {sizes}; features: {_built(dataset)}")


def _built(dataset) -> str:
    return ", ".join(dataset.feature_names()) or "none built"


def _data_show(args) -> None:
    from sedcore.data.store import open_dataset

    dataset = open_dataset(artifact_root(args.artifacts), args.name)
    if args.json:
        return _print_json(dataset.info | {"features": dataset.feature_names()})
    _tell_dataset(dataset)
    width = max(map(len, dataset.classes), default=0)
    print(f"{'class':{width}} " + " ".join(f"{split:>11}" for split in dataset.splits))
    positives = {split: dataset.truth(split).sum(axis=0) for split in dataset.splits}
    for i, name in enumerate(dataset.classes):
        print(f"{name:{width}} " + " ".join(f"{positives[split][i]:>11}" for split in dataset.splits))


def _data_list(args) -> None:
    from sedcore.data.store import list_datasets

    for dataset in list_datasets(artifact_root(args.artifacts)):
        print(dataset.name)


def _demo_data(args) -> None:
    from sedcore.data.demo_build import build_demo, build_demo_features
    from sedcore.data.store import list_datasets

    root = artifact_root(args.artifacts)
    there = next((dataset for dataset in list_datasets(root) if dataset.name == args.name), None)
    if there and there.info["source"].get("kind") == "demo" and not there.feature_names():
        dataset = build_demo_features(root, args.name, args.features, progress=_progress())
    else:
        dataset = build_demo(
            root, args.name, clips=args.clips, seed=args.seed, features=args.features, progress=_progress()
        )
    _tell_dataset(dataset)


def _demo_runs(args) -> int:
    from sedcore.demo_runs import make_demo_runs

    models = tuple(args.models.split(",")) if args.models else None
    return make_demo_runs(artifact_root(args.artifacts), models, announce=_tell)


# ---- training and runs ----------------------------------------------------------------------------------------


def _train(args) -> int:
    from sedcore.training.config import TrainConfig
    from sedcore.training.start import queue_run, train

    root = artifact_root(args.artifacts)
    settings = (
        "dataset",
        "model",
        "features",
        "epochs",
        "batch_size",
        "learning_rate",
        "seed",
        "patience",
        "threshold",
    )
    config = TrainConfig(**{setting: getattr(args, setting) for setting in settings})
    run = queue_run(root, config, run_id=args.run_id, name=args.name)
    state = train(root, run, announce=_tell, bar=sys.stderr.isatty())
    print(run.run_id)
    return {"failed": 1, "cancelled": 130}.get(state, 0)


def _runs(args) -> None:
    root = artifact_root(args.artifacts)
    rows = [
        {
            "run_id": run.run_id,
            "name": run.name,
            "kind": run.info["kind"],
            "state": run.status().state,
            "model": run.info["model"],
            "features": run.info["features"],
            "dataset": run.info["dataset"],
            "created": run.info["created"],
        }
        for run in runs.list_runs(root)
    ]
    for path, problem in runs.broken_runs(root):
        _tell(f"{path.name} left out: {problem}")
    if args.json:
        return _print_json(rows)
    for row in rows:
        print(
            "  ".join(
                str(row[key] or "-") for key in ("run_id", "state", "model", "features", "dataset", "name")
            )
        )


def _runs_rename(args) -> None:
    runs.rename_run(_find(args, args.run), args.name)


def _runs_tag(args) -> None:
    runs.tag_run(_find(args, args.run), args.tags)


def _runs_note(args) -> None:
    runs.note_run(_find(args, args.run), args.text)


def _runs_delete(args) -> None:
    found = {run.run_id: run for run in (_find(args, text) for text in args.runs)}
    for run in found.values():  # all were found before the first goes
        runs.delete_run(run)


def _find(args, text: str) -> runs.Run:
    return runs.find_run(artifact_root(args.artifacts), text)


# ---- results --------------------------------------------------------------------------------------------------


def _metrics(args) -> None:
    from sedcore.evaluation.evaluate import evaluate

    if not math.isfinite(args.threshold):
        raise SedcoreError(f"threshold is a finite number; given {args.threshold}")
    results, chosen = {}, [_find(args, text) for text in args.runs]
    for run in chosen:
        p = run.predictions(args.split)
        try:
            results[run.run_id] = evaluate(p.truth, p.scores, p.classes, args.threshold)
        except SedcoreError as error:
            raise SedcoreError(f"run {run.name}, {args.split}: {error}") from error
    if args.json:
        return _print_json({run_id: r.to_json(args.split, args.threshold) for run_id, r in results.items()})
    for run in chosen:
        result = results[run.run_id]
        print(f"{run.name}  {args.split}, threshold {args.threshold:g}, macro AP {result.mAP:.3f}")
        for table in (result.averages_table(), result.class_table()):
            print(table.to_string(index=False, float_format="{:.3f}".format, na_rep="-"), end="\n\n")


def _export(args) -> None:
    from sedcore.artifacts.predictions import write_predictions

    write_predictions(args.out, _find(args, args.run).predictions(args.split))


def _predict(args) -> None:
    from sedcore.training.predict import predict_files

    run = _find(args, args.run)
    classes = run.info["classes"]
    scored = {
        str(file): dict(zip(classes, scores.tolist())) for file, scores in predict_files(run, args.files)
    }
    if args.json:
        return _print_json(scored)
    for file, scores in scored.items():
        print(file)
        for name, score in sorted(scores.items(), key=lambda item: -item[1]):
            print(f"  {score:.3f}  {name}")
