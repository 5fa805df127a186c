"""Training loops of others write runs: Keras itself, Lightning where it is installed, and its protocol always."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from sedcore.artifacts.runs import list_runs
from sedcore.errors import SedcoreError
from sedcore.evaluation.evaluate import evaluate
from sedcore.extras import NotInstalled

NAMES = ("Alarm", "Dog", "Speech")
MODULE = "sedcore.integrations.lightning"


def made(clips: int, seed: int) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Clip ids, inputs (clips, 6) in which the labels can be seen, and truth (clips, classes)."""
    generator = np.random.default_rng(seed)
    truth = generator.random((clips, len(NAMES))) < 0.4
    x = np.concatenate([truth, truth], axis=1) + generator.normal(0, 0.3, (clips, 2 * len(NAMES)))
    return [f"{seed}-{i}.wav" for i in range(clips)], x.astype(np.float32), truth


def check_run(run, epochs: int) -> None:
    """A run of so many epochs is whole: history, classes by epoch, and the scores of its best epoch."""
    history = run.history()
    assert run.status().state == "finished" and history["epoch"].tolist() == list(range(1, epochs + 1))
    assert {"train.loss", "validation.loss", "validation.mAP", "validation.micro_f1"} <= set(history.columns)
    assert run.class_history("ap").shape == (epochs, len(NAMES))
    best = history.loc[history["validation.mAP"].idxmax()]
    assert (run.info["best_epoch"], run.info["epochs_run"]) == (best["epoch"], epochs)
    predictions = run.predictions("validation")
    assert predictions.classes == NAMES
    scored = evaluate(predictions.truth, predictions.scores, predictions.classes, 0.5)
    assert scored.mAP == pytest.approx(best["validation.mAP"], abs=1e-12)


def test_keras_fit(tmp_path):
    import keras

    from sedcore.integrations.keras import SedcoreCallback

    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(3, activation="sigmoid")])
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss="binary_crossentropy")
    _, x, y = made(60, 0)
    validation, test = made(30, 1), made(20, 2)
    callback = SedcoreCallback(
        "mine", validation=validation, test=test, classes=NAMES, config={"seed": 3}, root=tmp_path
    )
    model.fit(x, y, validation_data=validation[1:], epochs=3, verbose=0, callbacks=[callback])
    (run,) = list_runs(tmp_path)
    check_run(run, 3)
    assert (run.info["parameters"], run.info["seed"]) == (21, 3) and "keras" in run.info["versions"]
    assert run.splits() == ["test", "validation"]
    if run.info["best_epoch"] == 3:  # the model still has these weights
        np.testing.assert_array_equal(run.predictions("test").scores, model.predict(test[1], verbose=0))


def test_a_fit_that_was_broken_off_is_told_when_the_next_begins(tmp_path):
    import keras

    from sedcore.integrations.keras import SedcoreCallback

    model = keras.Sequential([keras.layers.Input((6,)), keras.layers.Dense(3, activation="sigmoid")])
    callback = SedcoreCallback("mine", validation=made(30, 1), classes=NAMES, root=tmp_path)
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0, {"loss": 0.4})
    callback.on_train_begin()
    states = {run.run_id: (run.status().state, len(run.history())) for run in list_runs(tmp_path)}
    assert sorted(states.values()) == [("cancelled", 1), ("running", 0)]
    callback.run.finish()


# ---- Lightning -------------------------------------------------------------------------------------------------


@pytest.fixture
def protocol(monkeypatch):
    """SedcoreLogger on a stand-in of Lightning: a base class without content, and one process."""
    parts = {name: ModuleType(name) for name in ("lightning", "lightning.pytorch")}
    parts |= {f"lightning.pytorch.{name}": ModuleType(name) for name in ("loggers", "utilities")}
    for name, module in parts.items():
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)

    def rank_zero_only(act):
        return lambda *a, **k: act(*a, **k) if rank_zero_only.rank == 0 else None

    rank_zero_only.rank = 0
    parts["lightning.pytorch.loggers"].Logger = type("Logger", (), {})
    parts["lightning.pytorch.utilities"].rank_zero_only = rank_zero_only
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    yield importlib.import_module(MODULE)
    sys.modules.pop(MODULE, None)


def test_what_lightning_calls_becomes_a_run(protocol, tmp_path):
    logger = protocol.SedcoreLogger("mine", classes=NAMES, root=tmp_path, config={"data": "made"})
    assert logger.name == "mine" and logger.version == list_runs(tmp_path)[0].run_id
    logger.log_hyperparams(SimpleNamespace(rate=0.1, seed=4))
    parts = [SimpleNamespace(numel=lambda: 18), SimpleNamespace(numel=lambda: 3)]
    logger.log_graph(SimpleNamespace(parameters=lambda: parts))
    clip_ids, _, truth = made(40, 1)
    for epoch in range(3):
        logger.log_metrics({"loss_step": 9.0, "epoch": epoch}, step=epoch * 2)
        logger.log_scores("validation", clip_ids, truth * 0.1 * epoch, truth, epoch=epoch + 1)
        logger.log_metrics({"val_loss": 0.5, "epoch": epoch}, step=epoch * 2 + 1)
        logger.log_metrics({"loss_epoch": 1 / (epoch + 1), "epoch": epoch}, step=epoch * 2 + 1)
    logger.finalize("success")
    (run,) = list_runs(tmp_path)
    check_run(run, 3)
    assert run.history()["train.loss"].tolist() == pytest.approx([1, 1 / 2, 1 / 3])
    assert run.info["config"] == {"data": "made", "rate": 0.1, "seed": 4} and run.info["parameters"] == 21
    # a test after the fit: Lightning has counted on by then
    logger.log_metrics({"test_loss": 0.7, "epoch": 3}, step=6)
    logger.log_scores("test", clip_ids, truth * 0.5, truth)
    assert run.status().state == "running"
    logger.finalize("success")
    assert run.status().state == "finished" and run.splits() == ["test", "validation"]
    assert run.history()["test.loss"].tolist()[-1] == 0.7 and len(run.history()) == 3


@pytest.mark.parametrize(
    "raised, state, reason",
    [
        (ValueError("no such clip"), "failed", "ValueError: no such clip"),
        (KeyboardInterrupt(), "cancelled", "Ctrl-C"),
    ],
)
def test_what_ended_a_fit_is_the_reason(protocol, tmp_path, raised, state, reason):
    logger = protocol.SedcoreLogger("mine", classes=NAMES, root=tmp_path)
    logger.log_metrics({"loss": 1.0, "epoch": 0}, step=0)
    try:
        raise raised
    except BaseException:
        logger.finalize("failed")
    status = list_runs(tmp_path)[0].status()
    assert status.state == state and reason in status.reason


def test_other_processes_of_lightning_write_nothing(protocol, tmp_path):
    protocol.rank_zero_only.rank = 1
    logger = protocol.SedcoreLogger("mine", root=tmp_path)
    logger.log_metrics({"loss": 1.0, "epoch": 0}, step=0)
    logger.finalize("success")
    assert logger.version == "" and list_runs(tmp_path) == []


def test_without_lightning_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning", None)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    monkeypatch.setattr("sedcore.extras.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="SedcoreLogger needs Lightning.*pip install lightning") as found:
        importlib.import_module(MODULE)
    assert isinstance(found.value, SedcoreError) and isinstance(found.value, ImportError)


def test_lightning_itself(tmp_path):
    lightning = pytest.importorskip("lightning")
    torch = pytest.importorskip("torch")
    from lightning.pytorch.callbacks import ModelCheckpoint

    from sedcore.integrations.lightning import SedcoreLogger

    clip_ids, x, truth = (np.asarray(part) for part in made(40, 1))

    class Model(lightning.LightningModule):
        def __init__(self, rate: float = 0.05):
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(6, 3)
            self.scores: list = []

        def _loss(self, batch):
            scores = self.layer(batch[0])
            return scores, torch.nn.functional.binary_cross_entropy_with_logits(scores, batch[1])

        def training_step(self, batch, number):
            loss = self._loss(batch)[1]
            self.log("train_loss", loss, on_step=True, on_epoch=True)
            return loss

        def validation_step(self, batch, number):
            scores, loss = self._loss(batch)
            self.scores.append(torch.sigmoid(scores))
            self.log("val_loss", loss)

        def on_validation_epoch_end(self):
            scores, self.scores = torch.cat(self.scores), []
            if not self.trainer.sanity_checking:
                self.logger.log_scores("validation", clip_ids, scores, truth, epoch=self.current_epoch + 1)

        def test_step(self, batch, number):
            self.scores.append(torch.sigmoid(self._loss(batch)[0]))

        def on_test_epoch_end(self):
            self.logger.log_scores("test", clip_ids, torch.cat(self.scores), truth)
            self.log("test_error", 0.25)

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), self.hparams.rate)

    lightning.seed_everything(0, verbose=False)
    data = torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(truth, dtype=torch.float32))
    loader = torch.utils.data.DataLoader(data, 10)
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    folder = tmp_path / "lightning"

    def trainer(logger, epochs=3):
        return lightning.Trainer(
            logger=logger, max_epochs=epochs, log_every_n_steps=1, default_root_dir=folder, **quiet,
            callbacks=[ModelCheckpoint(save_last=True)],
        )  # fmt: skip

    logger = SedcoreLogger("mine", classes=NAMES, root=tmp_path)
    one, model = trainer(logger), Model()
    one.fit(model, loader, loader)
    (run,) = list_runs(tmp_path)
    check_run(run, 3)
    assert run.info["parameters"] == 21 and run.info["config"] == {"rate": 0.05}
    assert {"torch", "lightning"} <= set(run.info["versions"])
    assert (folder / "mine" / run.run_id / "checkpoints" / "last.ckpt").exists()
    one.test(model, loader, verbose=False)
    assert run.status().state == "finished" and run.splits() == ["test", "validation"]
    assert len(run.history()) == 3 and run.history()["test.error"].iloc[-1] == 0.25

    class Breaks(Model):
        def on_train_epoch_end(self):
            raise ValueError("the disk is full")

    with pytest.raises(ValueError):
        trainer(SedcoreLogger("breaks", classes=NAMES, root=tmp_path)).fit(Breaks(), loader, loader)
    status = next(run for run in list_runs(tmp_path) if run.name == "breaks").status()
    assert (status.state, status.reason) == ("failed", "ValueError: the disk is full")
