"""Models: the report's are the report's to the parameter, all take what they say they take."""

import keras
import numpy as np
import pytest

from sedcore.errors import SedcoreError
from sedcore.models.catalog import MODELS, model_card
from sedcore.models.layers import FusedBatchNormalization, LinearSoftmaxPooling, PointwisePerClass
from sedcore.models.registry import BUILDERS, build


@pytest.mark.parametrize(
    ("name", "parameters"), [("ann", 32_937_194), ("cnn", 516_426), ("rnn", 629_866), ("crnn", 411_658)]
)
def test_the_reports_models_have_the_reports_parameters(name, parameters):
    assert build(name, classes=10, bands=64, frames=1000).count_params() == parameters


def test_every_card_has_a_builder_and_its_true_parameter_count():
    assert set(MODELS) == set(BUILDERS)
    for name, card in MODELS.items():
        assert build(name, 10, 64, 1000).count_params() == card.parameters, name


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("classes", [1, 3])
def test_the_smallest_input_gives_a_probability_for_each_class(name, classes):
    card = model_card(name)
    model = build(name, classes, card.min_bands, card.min_frames)
    x = np.random.default_rng(0).standard_normal((2, card.min_frames, card.min_bands)).astype(np.float32)
    scores = model.predict_on_batch(x)
    assert scores.shape == (2, classes) and ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_card_says_whether_there_are_frames_and_outputs_are_float32(name):
    model = build(name, 3, 64, 1000, precision="bfloat16")
    assert model_card(name).frames == ("frames" in [layer.name for layer in model.layers])
    assert model.outputs[0].dtype == "float32"  # bfloat16 keeps 8 bits of a score


@pytest.mark.parametrize(
    "name", sorted(name for name, card in MODELS.items() if card.min_bands > 1 and card.min_frames > 1)
)
def test_input_that_is_too_small_is_one_sentence(name):
    card = model_card(name)
    for bands, frames in ((card.min_bands - 1, 1000), (64, card.min_frames - 1)):
        if bands:
            with pytest.raises(
                SedcoreError, match=f"model {name} needs at least {card.min_bands} bands"
            ) as error:
                build(name, 10, bands, frames)
            assert "\n" not in str(error.value)


def test_mfcc_of_twenty_coefficients_is_too_small_for_the_reports_crnn():
    assert "38 bands" in model_card("crnn").misfit(bands=20, frames=1000)
    assert model_card("crnn_time").misfit(bands=20, frames=1000) is None


def test_an_unknown_model_is_told_the_nearest():
    with pytest.raises(SedcoreError, match="did you mean crnn"):
        model_card("crn")
    with pytest.raises(SedcoreError, match="at least one class"):
        build("ann", 0, 64, 1000)


def test_the_report_gives_its_rnn_a_step_a_band():
    lstm = build("rnn", 10, 64, 1000).layers[1]
    assert lstm.output.shape == (None, 64, 128)


def test_the_reports_crnn_reads_four_frequency_rows_one_after_another():
    model = build("crnn", 10, 64, 1000)
    before = next(layer.input.shape for layer in model.layers if isinstance(layer, keras.layers.GRU))
    assert before == (None, 96, 128)


def test_fused_batch_norm_trains_as_keras_does():
    x = np.random.default_rng(0).normal(3, 2, (8, 6, 5, 4)).astype(np.float32)
    kept = {}
    for kind in (FusedBatchNormalization, keras.layers.BatchNormalization):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.layers.Input((6, 5, 4)), kind(), keras.layers.GlobalMaxPooling2D(), keras.layers.Dense(1)]
        )
        model.compile(keras.optimizers.SGD(0.01), "mse")
        losses = [float(model.train_on_batch(x, np.arange(8.0)[:, None])) for _ in range(20)]
        kept[kind] = losses, model.get_weights(), model.predict_on_batch(x)
    (losses, weights, outputs), (wanted_losses, wanted_weights, wanted_outputs) = kept.values()
    np.testing.assert_allclose(losses, wanted_losses, rtol=1e-4)
    for weight, wanted in zip(weights, wanted_weights, strict=True):
        np.testing.assert_allclose(weight, wanted, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(outputs, wanted_outputs, rtol=1e-3, atol=1e-4)


def test_linear_softmax_by_hand():
    # class 0: (.5^2 + 1^2) / 1.5; class 1: all frames equal, so the mean; class 2: silence
    frames = np.array([[[0.5, 0.2, 0.0], [1.0, 0.2, 0.0]]], np.float32)
    np.testing.assert_allclose(LinearSoftmaxPooling()(frames), [[1.25 / 1.5, 0.2, 0]], rtol=1e-5, atol=1e-7)


def test_pointwise_per_class_keeps_classes_apart():
    layer = PointwisePerClass(classes=2, channels=1)
    layer.build((None, 4))
    layer.set_weights([np.array([[[1.0], [2.0]], [[10.0], [20.0]]]), np.array([0.5, 0.0])])
    out = layer(np.array([[1.0, 1.0, 1.0, 2.0]], np.float32))
    np.testing.assert_allclose(out, [[1 + 2 + 0.5, 10 + 40]])


def test_no_class_of_cnn_per_class_hears_another():
    model = build("cnn_per_class", 3, 16, 40)
    x = np.random.default_rng(0).standard_normal((2, 40, 16)).astype(np.float32)
    before = model.predict_on_batch(x)
    for weight in model.trainable_variables:
        value = weight.numpy()
        owned = value.shape[0] if value.ndim == 3 else value.shape[-1]  # class by class, first or last axis
        if value.ndim == 4 and value.shape[-1] == 1:  # depthwise: channels on the third axis
            value[:, :, : value.shape[2] // 3] += 1
        elif value.ndim == 3:
            value[:1] += 1
        else:
            value[..., : owned // 3] += 1
        weight.assign(value)
    after = model.predict_on_batch(x)
    assert not np.allclose(after[:, 0], before[:, 0])
    np.testing.assert_allclose(after[:, 1:], before[:, 1:], rtol=1e-5)


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"ann"}))
def test_a_saved_model_scores_as_before(name, tmp_path):
    card = model_card(name)
    model = build(name, 3, card.min_bands + 2, card.min_frames + 6)
    x = (
        np.random.default_rng(0)
        .standard_normal((2, card.min_frames + 6, card.min_bands + 2))
        .astype(np.float32)
    )
    model.save(tmp_path / "weights.keras")
    again = keras.models.load_model(tmp_path / "weights.keras", compile=False)
    np.testing.assert_array_equal(model.predict_on_batch(x), again.predict_on_batch(x))
