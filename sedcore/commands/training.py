"""Training: ``train`` and ``demo-runs``; ``predict`` with a trained run."""

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
    """Add the settings of a training to a command that starts or queues one."""
    recipe = parser.add_argument_group("recipe", "how it learns; by default as the model is trained best")
    for setting in SETTINGS.values():
        name, options = _option(setting)
        (recipe if setting.part == RECIPE else parser).add_argument(name, **options)
    engine_arguments(parser)
    parser.add_argument("--run-id", metavar="ID")
    parser.add_argument("--name", default="", metavar="TEXT")


def _option(setting: Setting) -> tuple[str, dict[str, Any]]:
    """Return name and keyword arguments of `add_argument` for a setting."""
    options: dict[str, Any] = {"help": setting.help.replace("%", "%%")}
    if setting.name == "dataset":
        return setting.name, options | {"metavar": setting.metavar}
    options |= {"required": True} if setting.required else {"default": setting.default}
    if setting.default is None and setting.part != RECIPE:
        options["help"] += "; default by model"
    if setting.type is bool:
        # a switch that is off by default needs no --no- form
        return setting.option, options | {"action": "store_true" if setting.default is False else _YES_NO}
    if setting.choices:
        return setting.option, options | {"choices": setting.choices}
    return setting.option, options | {"type": setting.type, "metavar": setting.metavar}


def training_config(args) -> TrainConfig:
    """Return the configuration given by `training_arguments`."""
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
        # flushed: these scores stand even if the next file fails
        print(file, *(f"  {score:.3f}  {name}" for name, score in ranked), sep="\n", flush=True)
