"""Checks that a data set has what a training needs. Light: done before a training is queued."""

from __future__ import annotations

from sedcore.data.features import check_kinds, derivable
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.models.catalog import model_card
from sedcore.training.config import TrainConfig


def check_fit(dataset: DataSet, config: TrainConfig) -> None:
    """Raise SedcoreError where a data set lacks splits, features, or the bands and frames that the model needs."""
    check_splits(dataset)
    check_kinds(config.features)
    if config.features not in dataset.feature_names():
        built = ", ".join(dataset.feature_names()) or "none"
        # A cloned demo set has only tables, and no stored features to derive others from.
        bare = built == "none" and dataset.info["source"].get("kind") == "demo"
        command = f"demo-data --name {dataset.name}" if bare else f"data features {dataset.name}"
        remedy = f"add them with: {command} --features {config.features}"
        if not bare and config.features not in derivable(dataset.feature_names()):
            remedy = f"they do not follow from those: import the data again with --features {config.features}"
        raise SedcoreError(
            f"data set {dataset.name} has no features {config.features!r} (built: {built}); {remedy}"
        )
    info = dataset.feature_info(config.features)
    misfit = model_card(config.model).misfit(info["bands"], info["frames"])
    if misfit:
        raise SedcoreError(f"{misfit}; choose other features or another model")


def check_splits(dataset: DataSet) -> None:
    """Raise SedcoreError where a data set lacks clips for training or validation."""
    for split in ("train", "validation"):
        if split not in dataset.splits:
            raise SedcoreError(
                f"data set {dataset.name} has no {split} split; import it again with --fractions or --{split}"
            )
