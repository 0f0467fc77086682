"""The document's folds (CN 109003270 A, paragraph 0108), with every patient whole.

Each picture's grey histogram after preprocessing and its indices are joined into a descriptor; k-means sorts the
descriptors into five clusters; each fold takes a fifth of every cluster. The document cuts the clusters picture by
picture; pictures of one patient would then be on both sides, and the figures too good. So the fifths are as equal as
whole patients allow (scikit-learn's StratifiedGroupKFold).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from dicom_node.errors import UsageError

FOLDS = 5
CLUSTERS = 5
HISTOGRAM_BINS = 32


def descriptor(equalised_crop: NDArray, indices: NDArray[np.float64]) -> NDArray[np.float64]:
    """(43,) grey histogram of the preprocessed picture (shares, range -1..1), then the eleven indices (nan is 0)."""
    counts, _ = np.histogram(equalised_crop, bins=HISTOGRAM_BINS, range=(-1.0, 1.0))
    return np.concatenate([counts / equalised_crop.size, np.nan_to_num(indices)])


def folds_of(descriptors: NDArray[np.float64], patients: Sequence[str], seed: int) -> NDArray[np.int64]:
    """(pictures,) the fold 0..4 in which each picture is held out; a patient's pictures share one fold.

    Histogram and indices weigh the same: each block is scaled to unit variance in all.

    Raises:
        UsageError: fewer than five patients, or fewer pictures than five clusters can be cut from.
    """
    if len(set(patients)) < FOLDS or len(patients) < FOLDS * CLUSTERS:
        raise UsageError(
            f"cross-validation needs labelled pictures of >= {FOLDS} patients, >= {FOLDS * CLUSTERS} in all; found "
            f"{len(patients)} of {len(set(patients))}"
        )
    scaled = StandardScaler().fit_transform(descriptors)
    scaled[:, :HISTOGRAM_BINS] /= np.sqrt(HISTOGRAM_BINS)
    scaled[:, HISTOGRAM_BINS:] /= np.sqrt(descriptors.shape[1] - HISTOGRAM_BINS)
    cluster = KMeans(CLUSTERS, n_init=10, random_state=seed).fit_predict(scaled)
    fold = np.zeros(len(descriptors), dtype=np.int64)
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # a cluster of four: no fault
        for number, (_, held_out) in enumerate(split.split(scaled, cluster, list(patients))):
            fold[held_out] = number
    return fold
