"""Whether a data set has what a training needs of it. Light: whoever queues a training asks this first."""

from __future__ import annotations

from sedcore.data.features import check_kinds
from sedcore.data.store import DataSet
from sedcore.errors import SedcoreError
from sedcore.models.catalog import model_card
from sedcore.training.config import TrainConfig


def check_fit(dataset: DataSet, config: TrainConfig) -> None:
    """SedcoreError where a data set lacks what a configuration needs: splits, features, enough bands and frames."""
    check_splits(dataset)
    check_kinds(config.features)
    if config.features not in dataset.feature_names():
        built = ", ".join(dataset.feature_names()) or "none"
        # A copied demo set has tables only, and nothing stored that features could follow from.
        bare = built == "none" and dataset.info["source"].get("kind") == "demo"
        command = f"demo-data --name {dataset.name}" if bare else f"data features {dataset.name}"
        raise SedcoreError(
            f"data set {dataset.name} has no features {config.features!r} (built: {built}); "
            f"add them with: {command} --features {config.features}"
        )
    info = dataset.feature_info(config.features)
    misfit = model_card(config.model).misfit(info["bands"], info["frames"])
    if misfit:
        raise SedcoreError(f"{misfit}; choose other features or another model")


def check_splits(dataset: DataSet) -> None:
    """SedcoreError where a data set lacks what training needs: clips to learn from and clips to validate on."""
    for split in ("train", "validation"):
        if split not in dataset.splits:
            raise SedcoreError(
                f"data set {dataset.name} has no {split} split; import it again with --fractions or --{split}"
            )
