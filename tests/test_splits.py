"""Stratified splits."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sedcore.data.splits import check_fractions, stratify
from sedcore.errors import SedcoreError


def test_a_rare_class_is_shared_out():
    truth = np.zeros((100, 2), bool)
    truth[:, 0] = True
    truth[:10, 1] = True  # 10 of a rare class: 6, 2 and 2 of them
    part = stratify(truth, (0.6, 0.2, 0.2))
    assert np.bincount(part).tolist() == [60, 20, 20]
    assert np.bincount(part[:10]).tolist() == [6, 2, 2]


def test_a_single_positive_goes_to_the_largest_part():
    truth = np.zeros((20, 1), bool)
    truth[7] = True
    assert stratify(truth, (0.15, 0.7, 0.15))[7] == 1


def test_many_rare_classes_do_not_all_go_to_the_largest_part():
    truth = np.repeat(np.eye(8, dtype=bool), 2, axis=0)
    assert np.bincount(stratify(truth, (0.75, 0.25))).tolist() == [12, 4]


def test_seeds():
    truth = np.random.default_rng(1).random((50, 4)) < 0.3
    assert (stratify(truth, (0.5, 0.5), seed=3) == stratify(truth, (0.5, 0.5), seed=3)).all()
    assert (stratify(truth, (0.5, 0.5), seed=3) != stratify(truth, (0.5, 0.5), seed=4)).any()


def test_better_than_chance_on_correlated_labels():
    rng = np.random.default_rng(0)
    truth = rng.random((400, 8)) < np.array([0.5, 0.2, 0.1, 0.05, 0.04, 0.03, 0.02, 0.02])
    truth[:, 1] |= truth[:, 4]
    shares = np.array([0.7, 0.15, 0.15])

    def unevenness(part):
        counts = np.array([truth[part == i].sum(axis=0) for i in range(3)])
        return np.abs(counts - shares[:, None] * truth.sum(axis=0)).sum()

    chance = [unevenness(rng.choice(3, 400, p=shares)) for _ in range(20)]
    assert unevenness(stratify(truth, shares)) < min(chance) / 2


@example(clips=48, classes=3, density=0.875, seed=0)  # two parts that both round up must not starve the third
@given(st.integers(3, 60), st.integers(0, 5), st.floats(0, 1), st.integers(0, 1000))
def test_every_clip_has_one_part_and_no_part_is_empty(clips, classes, density, seed):
    truth = np.random.default_rng(seed).random((clips, classes)) < density
    part = stratify(truth, (0.7, 0.15, 0.15), seed)
    counts = np.bincount(part, minlength=3)
    assert len(part) == clips and len(counts) == 3 and counts.min() >= 1
    if clips >= 14:  # below that a part may get its first clip from another
        assert np.abs(counts - clips * np.array([0.7, 0.15, 0.15])).max() < 1 + 1e-6


def test_too_few_clips():
    with pytest.raises(SedcoreError, match="2 clips cannot be divided into 3"):
        stratify(np.ones((2, 1), bool), (0.7, 0.15, 0.15))


@pytest.mark.parametrize(
    "fractions",
    [
        (0.5, 0.5),
        (0.7, 0.2, 0.2),
        (1.0, 0.0, 0.0),
        (0.7, "x", 0.1),
        (1.2, -0.1, -0.1),
    ],
)
def test_bad_fractions(fractions):
    with pytest.raises(SedcoreError, match="3 numbers above 0 that sum to 1"):
        check_fractions(fractions, ("train", "validation", "test"))
    assert check_fractions((0.1, 0.2, 0.7), "abc") == (0.1, 0.2, 0.7)
