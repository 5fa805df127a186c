"""Hypothesis strategies that the tests of evaluation share: small inputs, awkward on purpose."""

import numpy as np
from hypothesis import strategies as st


@st.composite
def truth_and_scores(draw, max_clips=12, max_classes=4):
    """(clips, classes) truth and scores: ties, any range, any float type, single rows and columns."""
    shape = draw(st.integers(1, max_clips)), draw(st.integers(1, max_classes))
    dtype = draw(st.sampled_from([np.float16, np.float32, np.float64]))
    values = draw(
        st.sampled_from(
            [
                [0.0, 0.1, 0.5, 0.71, 1.0],  # ties, the edges of the range
                list(np.linspace(0, 1, 23)),
                [-7.25, -0.0, 0.0, 1e-5, 3.5, 800.0],  # log-likelihood ratios and other scores of any sign
                [0.3],  # everything ties
            ]
        )
    )
    size = shape[0] * shape[1]
    scores = draw(st.lists(st.sampled_from(values), min_size=size, max_size=size))
    odds = draw(st.sampled_from([[False], [True], [False, True], [False, False, False, True]]))
    truth = draw(st.lists(st.sampled_from(odds), min_size=size, max_size=size))
    return np.array(truth).reshape(shape), np.array(scores, dtype).reshape(shape)


thresholds = st.sampled_from([-np.inf, -7.25, 0.0, 0.1, 0.3, 0.5, 0.71, 1.0, 2.0, np.inf])
