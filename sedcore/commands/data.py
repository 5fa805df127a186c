"""Data sets: import, features, list, show, and the demo set."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from sedcore.artifacts.root import artifact_root
from sedcore.commands.common import Adder, engine_arguments, print_json, progress_bar, progress_lines, tell
from sedcore.data.features import FEATURE_KINDS

ON_A_NODE = "auto"  # as the address: this machine is a node of the cluster


def register(add: Adder, commands, group) -> None:
    """Add ``data ...`` and ``demo-data``."""
    data = group(commands, "data", "import, list and show data sets")
    imported = add(data, "import", _import, "import .npy pairs or audio with labels")
    imported.add_argument("name", metavar="NAME")
    for split in ("train", "validation", "test"):
        imported.add_argument(f"--{split}", type=Path, required=split == "train", metavar="DIR")
    imported.add_argument(
        "--fractions", type=_fractions, metavar="A,B,C", help="cut --train into the three splits"
    )
    features = {"type": _feature_kinds, "metavar": "KIND[,KIND]", "help": f"of {', '.join(FEATURE_KINDS)}"}
    imported.add_argument("--features", default=("logmel",), **features)
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
    engine_arguments(imported, resources=False)
    built = add(data, "features", _build_features, "add features that follow from those stored")
    built.add_argument("name", metavar="NAME")
    built.add_argument("--features", required=True, **features)
    engine_arguments(built, resources=False)
    show = add(data, "show", _data_show, "what a data set holds, and the problems found at its import")
    show.add_argument("name", metavar="NAME")
    show.add_argument("--json", action="store_true")
    add(data, "list", _data_list, "the data sets that are there")
    demo = add(commands, "demo-data", _demo_data, "build the demo data set from code alone")
    demo.add_argument("--clips", type=int, default=1000)
    demo.add_argument("--name", default="demo")
    demo.add_argument("--seed", type=int, default=0)
    demo.add_argument("--features", default=("logmel",), **features)


def _feature_kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    if not kinds or not set(kinds) <= set(FEATURE_KINDS):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of {', '.join(FEATURE_KINDS)}")
    return kinds


def _fractions(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not like 0.7,0.15,0.15") from None


def _import(args) -> None:
    from sedcore.data.importing import import_dataset

    elsewhere = None
    if args.engine == "ray":
        if args.ray_address != ON_A_NODE:
            return _on_cluster(args, [*_import_words(args), "--engine", "ray", "--ray-address", ON_A_NODE])
        from sedcore.jobs.cluster_tasks import RayTasks

        elsewhere = RayTasks()
    bar = contextlib.nullcontext(progress_lines()) if elsewhere else progress_bar()
    with bar as show:
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
            elsewhere=elsewhere,
            progress=show,
            announce=tell,
        )
    _tell_dataset(dataset)


def _import_words(args) -> list[str]:
    """Return the arguments of an import for another machine, with absolute paths."""
    words = ["data", "import", args.name]
    for option in ("train", "validation", "test", "labels"):
        if (path := getattr(args, option)) is not None:
            # --labels may be a file name that is looked up in each folder
            words += [f"--{option}", str(path.resolve() if option != "labels" or path.exists() else path)]
    for option in ("fractions", "features"):
        if values := getattr(args, option):
            words += [f"--{option}", ",".join(map(str, values))]
    for option in (
        "source",
        "clip_seconds",
        "bands",
        "sample_rate",
        "hop_seconds",
        "fft",
        "coefficients",
        "seed",
    ):
        if (value := getattr(args, option)) is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    return words


def _on_cluster(args, words: list[str]) -> None:
    """Run a command of sedcore as a job of a Ray cluster, and print its output."""
    from sedcore.jobs.cluster_command import run_command
    from sedcore.jobs.engine import ray_address

    print(run_command(ray_address(args.ray_address), artifact_root(args.artifacts), words, tell))


def _build_features(args) -> None:
    if args.engine == "ray":
        return _on_cluster(args, ["data", "features", args.name, "--features", ",".join(args.features)])
    from sedcore.data.adding import build_features

    with progress_bar() as show:
        build_features(artifact_root(args.artifacts), args.name, args.features, progress=show)


def _tell_dataset(dataset) -> None:
    for problem in dataset.problems:
        tell(f"{problem['level']}: {problem['file']}: {problem['message']}")
    sizes = ", ".join(f"{split} {len(dataset.clips_of(split))}" for split in dataset.splits)
    classes = f"{len(dataset.classes)} class{'' if len(dataset.classes) == 1 else 'es'}"
    print(f"{dataset.name}: {classes}; clips: {sizes}; features: {_built(dataset)}")


def _built(dataset) -> str:
    return ", ".join(dataset.feature_names()) or "none built"


def _data_show(args) -> None:
    from sedcore.data.store import open_dataset

    dataset = open_dataset(artifact_root(args.artifacts), args.name)
    if args.json:
        return print_json(dataset.info | {"features": dataset.feature_names()})
    _tell_dataset(dataset)
    width = max(map(len, dataset.classes), default=0)
    print(f"{'class':{width}} " + " ".join(f"{split:>11}" for split in dataset.splits))
    positives = {split: dataset.truth(split).sum(axis=0) for split in dataset.splits}
    for i, name in enumerate(dataset.classes):
        print(f"{name:{width}} " + " ".join(f"{positives[split][i]:>11}" for split in dataset.splits))


def _data_list(args) -> None:
    from sedcore.data.store import broken_datasets, list_datasets

    root = artifact_root(args.artifacts)
    for path, problem in broken_datasets(root):
        tell(f"{path.name} left out: {problem}")
    for dataset in list_datasets(root):
        print(dataset.name)


def _demo_data(args) -> None:
    from sedcore.data.demo_build import build_demo, build_demo_features
    from sedcore.data.store import list_datasets

    root = artifact_root(args.artifacts)
    stored = next((dataset for dataset in list_datasets(root) if dataset.name == args.name), None)
    lacks_features = stored and stored.info["source"].get("kind") == "demo" and not stored.feature_names()
    with progress_bar() as show:
        if lacks_features:
            dataset = build_demo_features(root, args.name, args.features, progress=show)
        else:
            dataset = build_demo(
                root, args.name, clips=args.clips, seed=args.seed, features=args.features, progress=show
            )
    _tell_dataset(dataset)
