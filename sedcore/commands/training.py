"""Training: ``train``, ``demo-runs``, and ``predict`` with what was trained."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

from sedcore.artifacts.root import artifact_root
from sedcore.commands.common import Adder, asked_job, engine_arguments, find, print_json, tell
from sedcore.training.config import DEVICES, PRECISIONS, SCHEDULES, TrainConfig


def register(add: Adder, commands, group) -> None:
    """Add ``train``, ``demo-runs`` and ``predict``."""
    demo_runs = add(
        commands, "demo-runs", _demo_runs, "train the demo runs and add the report's printed tables"
    )
    demo_runs.add_argument("--models", help="only these, separated by commas")
    train = add(commands, "train", _train, "train a model on a data set, here and now")
    training_arguments(train)
    predict = add(commands, "predict", _predict, "score audio files with a trained run")
    predict.add_argument("run", metavar="RUN")
    predict.add_argument("files", nargs="+", type=Path, metavar="AUDIO")
    predict.add_argument("--json", action="store_true")


def _demo_runs(args) -> int:
    from sedcore.demo_runs import make_demo_runs

    models = tuple(args.models.split(",")) if args.models else None
    return make_demo_runs(artifact_root(args.artifacts), models, announce=tell)


def training_arguments(parser) -> None:
    """Add what a training is told, to a command that starts or queues one."""
    parser.add_argument("dataset", metavar="NAME")
    parser.add_argument("--model", required=True)
    parser.add_argument("--features", default="logmel")
    parser.add_argument("--epochs", type=int, help="at most; default by model")
    parser.add_argument("--batch-size", type=int, help="default by model")
    parser.add_argument("--learning-rate", type=float, help="default by model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--patience", type=int, default=10, help="epochs without improvement; 0: never stop early"
    )
    parser.add_argument("--threshold", type=float, default=0.5, help="of the F1 in the training history")
    parser.add_argument(
        "--deterministic", action="store_true", help="the same numbers each time, at the cost of speed"
    )
    parser.add_argument(
        "--devices", choices=DEVICES, default="one", help="all: a batch is divided among all GPUs"
    )
    recipe = parser.add_argument_group("recipe", "how it learns; by default as the model is trained best")
    yes_no = argparse.BooleanOptionalAction
    recipe.add_argument("--schedule", choices=SCHEDULES, help="of the learning rate")
    recipe.add_argument("--mixup", type=float, metavar="ALPHA", help="mix clips of a batch; 0: do not")
    recipe.add_argument("--masking", action=yes_no, help="put out stretches of time and frequency")
    recipe.add_argument(
        "--shifting", type=int, metavar="BANDS", help="move clips up or down by chance; 0: do not"
    )
    recipe.add_argument("--filtering", action=yes_no, help="raise and lower bands of log-mel by chance")
    recipe.add_argument(
        "--averaging", type=float, metavar="SHARE", help="average the weights over steps; 0: do not"
    )
    recipe.add_argument(
        "--frame-labels", action=yes_no, help="learn from when things sound, where labels say it"
    )
    recipe.add_argument(
        "--precision", choices=PRECISIONS, help="of the convolutions; bfloat16 is fast on new processors only"
    )
    engine_arguments(parser)
    parser.add_argument("--run-id", metavar="ID")
    parser.add_argument("--name", default="", metavar="TEXT")


def training_config(args):
    """Return the configuration that a command was told."""
    return TrainConfig(**{field.name: getattr(args, field.name) for field in dataclasses.fields(TrainConfig)})


def _train(args) -> int:
    from sedcore.training.start import train_now

    root, config, job = artifact_root(args.artifacts), training_config(args), asked_job(args)
    if job:
        from sedcore.jobs.cluster_worker import train_on_cluster
        from sedcore.jobs.engine import ray_address

        address = ray_address(args.ray_address)
        run, state = train_on_cluster(root, config, job, address, args.run_id, args.name, announce=tell)
    else:
        run, state = train_now(root, config, args.run_id, args.name, tell, bar=sys.stderr.isatty())
    print(run.run_id)
    return {"failed": 1, "cancelled": 130}.get(state, 0)


def _predict(args) -> None:
    from sedcore.training.predict import predict_files

    run = find(args, args.run)
    classes = run.info["classes"]
    scored = (
        (str(file), dict(zip(classes, scores.tolist())))
        for file, scores in predict_files(run, list(dict.fromkeys(args.files)))
    )
    if args.json:
        return print_json(dict(scored))
    for file, scores in scored:
        ranked = sorted(scores.items(), key=lambda item: -item[1])
        # at once: what is scored stays, whatever comes of the next file
        print(file, *(f"  {score:.3f}  {name}" for name, score in ranked), sep="\n", flush=True)
