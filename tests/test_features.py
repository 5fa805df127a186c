"""Features against librosa, their precision, and normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sedcore.data.features import band_statistics, check_kinds, clip_features, log_mel, mfcc, mfcc_report
from sedcore.data.mel import FeatureParams, empty_bands, mel_basis, mel_power, split_windows, window_count
from sedcore.data.npy_pairs import fold_bands
from sedcore.errors import SedcoreError

SECOND = FeatureParams(clip_s=1.0)


def chirp(seconds=1.0, rate=16000, seed=0):
    t = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.01, len(t))
    return (0.3 * np.sin(2 * np.pi * (200 + 1500 * t) * t) + noise).astype(np.float32)


@pytest.mark.parametrize(
    "params",
    [
        FeatureParams(),
        FeatureParams(sample_rate_hz=22050, n_fft=512, hop_s=0.02, bands=40, clip_s=2.0),
    ],
)
def test_mel_power_is_librosas(params):
    import librosa

    samples = chirp(params.clip_s, params.sample_rate_hz)
    theirs = librosa.feature.melspectrogram(
        y=samples,
        sr=params.sample_rate_hz,
        n_fft=params.n_fft,
        hop_length=params.hop_samples,
        n_mels=params.bands,
    ).T[: params.frames]
    ours = mel_power(samples, params)
    assert ours.shape == (params.frames, params.bands) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


@pytest.mark.parametrize(("given", "bands"), [(64, 32), (64, 8), (60, 20)])
def test_mel_power_in_folded_bands_is_folded_mel_power(given, bands):
    unfolded = mel_power(chirp(), FeatureParams(clip_s=1.0, bands=given))
    folded = mel_power(chirp(), FeatureParams(clip_s=1.0, bands=bands, folded_from=given))
    np.testing.assert_allclose(folded, fold_bands(unfolded.T, bands).T, rtol=1e-4)
    few = mel_power(chirp(), FeatureParams(clip_s=1.0, bands=bands))
    assert np.abs(log_mel(folded) - log_mel(few)).max() > 1  # dB: that is another filter bank


def test_params_say_what_bands_were_folded_from_where_they_were():
    plain, folded = FeatureParams(bands=32), FeatureParams(bands=32, folded_from=64)
    assert list(plain.to_json()) == ["sample_rate_hz", "n_fft", "hop_s", "bands", "clip_s", "n_mfcc"]
    assert folded.to_json() == plain.to_json() | {"folded_from": 64}
    for params in (plain, folded):
        assert FeatureParams.from_json(params.to_json()) == params


def test_ten_seconds_are_a_thousand_frames():
    params = FeatureParams()
    assert (params.frames, params.clip_samples, params.hop_samples) == (1000, 160000, 160)


def test_mfcc_is_librosas_of_log_power():
    import librosa

    decibels = log_mel(mel_power(chirp(), SECOND))
    theirs = librosa.feature.mfcc(S=decibels.astype(np.float32).T, n_mfcc=20).T
    np.testing.assert_allclose(mfcc(decibels, 20), theirs, atol=1e-3)


def test_report_mfcc_follows_the_report_step_by_step():
    import librosa

    mel = mel_power(chirp(), SECOND)
    theirs = librosa.feature.mfcc(S=mel.T[None], sr=16000, n_mfcc=20)
    theirs = (theirs - np.average(theirs)) / np.std(theirs)
    np.testing.assert_allclose(mfcc_report(mel, 20), theirs[0].T, atol=1e-3)


def test_report_mfcc_of_silence_is_zero_not_nan():
    assert not mfcc_report(np.zeros((5, 64), np.float32)).any()


def test_log_mel_by_hand():
    mel = np.array([[1.0, 0.01, 0.0, 1e-12, 100.0]], np.float32)
    assert log_mel(mel).tolist() == [[0.0, -20.0, -100.0, -100.0, 20.0]]
    assert log_mel(mel).dtype == np.float16


def test_log_mel_keeps_its_stated_precision():
    mel = 10 ** np.random.default_rng(0).uniform(-10, 3, (100, 64)).astype(np.float32)
    exact = 10 * np.log10(np.maximum(mel.astype(np.float64), 1e-10))
    assert np.abs(log_mel(mel) - exact).max() <= 0.0325


def test_features_of_a_whole_store_equal_those_of_its_clips():
    mel = np.stack([mel_power(chirp(seed=seed), SECOND) for seed in range(3)])
    for transform in (log_mel, mfcc_report, lambda m: mfcc(log_mel(m))):
        np.testing.assert_allclose(transform(mel)[1], transform(mel[1]), atol=1e-5)


def test_clip_features_from_samples_and_from_mel_agree():
    samples = chirp(0.6)
    mel = clip_features(samples, "mel", SECOND)
    for kind, bands in (("mel", 64), ("logmel", 64), ("mfcc", 20), ("mfcc_report", 20)):
        from_samples = clip_features(samples, kind, SECOND.to_json())
        assert from_samples.shape == (100, bands)
        np.testing.assert_array_equal(from_samples, clip_features(mel, kind, SECOND))


def test_a_short_clip_is_padded_with_silence():
    logmel = clip_features(chirp(0.5), "logmel", SECOND)
    assert (logmel[60:] == -100).all() and (logmel[:45] > -100).any(axis=1).all()


def test_too_many_samples_are_refused():
    with pytest.raises(SedcoreError, match="split_windows"):
        clip_features(chirp(1.5), "mel", SECOND)


@pytest.mark.parametrize(
    "seconds, windows",
    [
        (0.01, 1),
        (9.9, 1),
        (10, 1),
        (10.05, 1),
        (10.2, 2),
        (20, 2),
        (25, 3),
        (3600, 360),
    ],
)
def test_windows_of_a_clip(seconds, windows):
    assert window_count(seconds, FeatureParams()) == windows


def test_split_windows_pads_the_last():
    samples = np.arange(1, 2501, dtype=np.float32)
    windows = split_windows(samples, FeatureParams(sample_rate_hz=1000, clip_s=1.0))
    assert windows.shape == (3, 1000)
    np.testing.assert_array_equal(windows.ravel()[:2500], samples)
    assert not windows.ravel()[2500:].any()


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 10_000))
def test_statistics_in_chunks_are_those_of_the_whole(rows, bands, seed):
    rng = np.random.default_rng(seed)
    array = rng.normal(-40, 7, (rows, 3, bands)).astype(np.float32)
    chosen = np.flatnonzero(rng.random(rows) < 0.7)
    mean, std = band_statistics(array, chosen, chunk_bytes=8 * 3 * bands * 4)
    if len(chosen):
        flat = array[chosen].reshape(-1, bands).astype(np.float64)
        np.testing.assert_allclose(mean, flat.mean(axis=0), rtol=1e-9)
        np.testing.assert_allclose(std, flat.std(axis=0), rtol=1e-9)
    else:
        assert not mean.any() and (std == 1).all()


def test_statistics_of_a_constant_band_do_not_divide_by_nothing():
    mean, std = band_statistics(np.full((4, 5, 2), -100, np.float16), np.arange(4))
    assert mean.tolist() == [-100, -100] and std.tolist() == [1, 1]


def test_empty_bands_are_counted():
    assert empty_bands(mel_basis(16000, 1024, 64)) == 0
    assert empty_bands(mel_basis(16000, 256, 128)) > 0


@pytest.mark.parametrize(
    "change, words",
    [
        ({"bands": 0}, "bands = 0"),
        ({"clip_s": float("nan")}, "clip_s"),
        ({"n_fft": 10.5}, "whole number"),
        ({"hop_s": 20}, "longer than a clip"),
        ({"sample_rate_hz": True}, "sample_rate_hz"),
        ({"folded_from": 0}, "folded_from = 0"),
        ({"folded_from": 96}, "a multiple of the 64 bands"),
    ],
)
def test_bad_settings_are_named(change, words):
    with pytest.raises(SedcoreError, match=words):
        FeatureParams(**change)


def test_a_hop_of_half_samples_names_the_nearest():
    with pytest.raises(SedcoreError, match="220.5 samples.*nearest is 0.009977"):
        _ = FeatureParams(sample_rate_hz=22050).hop_samples


def test_unknown_settings_and_kinds_name_the_nearest():
    with pytest.raises(SedcoreError, match="did you mean 'bands'"):
        FeatureParams.from_json({"band": 64})
    with pytest.raises(SedcoreError, match="did you mean 'logmel'"):
        check_kinds(["log_mel"])
    assert check_kinds(["mel", "mel", "mfcc"]) == ("mel", "mfcc")
    with pytest.raises(SedcoreError, match="ask for fewer"):
        clip_features(np.ones((5, 8), np.float32), "mfcc", FeatureParams(bands=8))
