"""Training: ``train``, ``demo-runs``, and ``predict`` with what was trained."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from sedcore.artifacts.root import artifact_root
from sedcore.commands.common import Adder, asked_job, engine_arguments, find, print_json, tell
from sedcore.training.config import SETTINGS, TrainConfig
from sedcore.training.settings import RECIPE, Setting

_YES_NO = argparse.BooleanOptionalAction


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
    recipe = parser.add_argument_group("recipe", "how it learns; by default as the model is trained best")
    for known in SETTINGS.values():
        names, how = _option(known)
        (recipe if known.part == RECIPE else parser).add_argument(names, **how)
    engine_arguments(parser)
    parser.add_argument("--run-id", metavar="ID")
    parser.add_argument("--name", default="", metavar="TEXT")


def _option(known: Setting) -> tuple[str, dict[str, Any]]:
    """Return the name of a setting's argument and what argparse is told of it."""
    told: dict[str, Any] = {"help": known.help.replace("%", "%%")}
    if known.name == "dataset":
        return known.name, told | {"metavar": known.metavar}
    told |= {"required": True} if known.required else {"default": known.default}
    if known.default is None and known.part != RECIPE:
        told["help"] += "; default by model"
    if known.type is bool:
        # what is off anyway is only ever switched on
        return known.option, told | {"action": "store_true" if known.default is False else _YES_NO}
    if known.choices:
        return known.option, told | {"choices": known.choices}
    return known.option, told | {"type": known.type, "metavar": known.metavar}


def training_config(args) -> TrainConfig:
    """Return the configuration that a command was told."""
    return TrainConfig(**{name: getattr(args, name) for name in SETTINGS})


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
