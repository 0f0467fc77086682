"""Joint least squares of all bubbles of all frames: positions and amplitudes of Gaussians that may overlap.

Overlapping bubbles are fitted together, so that none of them is dragged towards its neighbour. The normal
equations need no rendered image: inner products between two Gaussians, and between their derivatives, are
known in closed form, so one Gauss-Newton step costs one look at a small patch per bubble and one sparse solve
for the whole sequence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

REACH_SIGMAS = 3.0  # half side of the patches
NEIGHBOUR_SIGMAS = 4.5  # farther apart, two bubbles share less than 1 % (exp(-4.5^2 / 4))
DAMPING = 0.05  # Levenberg-Marquardt, relative to the diagonal
MAX_STEP_SIGMAS = 0.5
MIN_AMPLITUDE = 1e-3
PAIR_MARGIN_SIGMAS = 0.5  # neighbours are looked up once per fit, so a little farther than needed
RESTORE_EVERY = 2  # steps between two looks at saturated pixels
SETTLED_PX = 0.005
SOLVED = 1e-2
SOLVER_STEPS = 20


@dataclass(frozen=True)
class Emitters:
    """Bubbles of a sequence, one array entry each.

    Attributes:
        frame: (n,) int, frame number from 0.
        x_px: (n,) column of the centre; pixel centres lie at integers.
        y_px: (n,) row of the centre.
        amplitude: (n,) grey value above the background at the centre.
        sigma_x_px: (n,) standard deviation of the Gaussian along the columns.
        sigma_y_px: (n,) along the rows.
    """

    frame: np.ndarray
    x_px: np.ndarray
    y_px: np.ndarray
    amplitude: np.ndarray
    sigma_x_px: np.ndarray
    sigma_y_px: np.ndarray

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, which: np.ndarray) -> Emitters:
        return Emitters(**{name: values[which] for name, values in vars(self).items()})

    def joined(self, other: Emitters) -> Emitters:
        """Both sets, this one first."""
        return Emitters(**{k: np.concatenate([v, getattr(other, k)]) for k, v in vars(self).items()})

    def read_from(self, values: np.ndarray) -> np.ndarray:
        """(n,) what (rows, columns) ``values`` hold at the pixel of each bubble."""
        return values[np.rint(self.y_px).astype(np.intp), np.rint(self.x_px).astype(np.intp)]

    @staticmethod
    def empty() -> Emitters:
        """No bubbles."""
        return Emitters(np.empty(0, dtype=np.intp), *(np.empty(0) for _ in range(5)))


@dataclass(frozen=True)
class Expectation:
    """What is known of each bubble before looking at its frame (from its track), and how much it counts.

    Weights are relative to the bubble's own evidence in the image: 0 leaves the fit alone.
    """

    x_px: np.ndarray
    y_px: np.ndarray
    amplitude: np.ndarray
    position_weight: np.ndarray
    amplitude_weight: np.ndarray

    def __getitem__(self, which: np.ndarray) -> Expectation:
        return Expectation(**{name: values[which] for name, values in vars(self).items()})


class PaddedFrames:
    """Background-free frames with a rim of zeros, so that every patch exists."""

    def __init__(self, frames: np.ndarray, reach_px: tuple[int, int], saturated: np.ndarray | None = None) -> None:
        """``frames``: (N, rows, columns) float32; ``reach_px``: (x, y) half sides of the patches.

        ``saturated``: (N, rows, columns) bool, pixels at the top of the grey scale: at least that bright.
        """
        self.n_frames, self.rows, self.columns = frames.shape
        self.reach_x, self.reach_y = reach_px
        rim = ((0, 0), (self.reach_y, self.reach_y), (self.reach_x, self.reach_x))
        self.padded = np.pad(frames, rim)
        self._clipped = np.empty(0, dtype=np.intp)
        if saturated is not None and saturated.any():
            self._remember_saturated(np.pad(saturated, rim))

    def _remember_saturated(self, clipped: np.ndarray) -> None:
        self._clipped = np.flatnonzero(clipped)
        self._at_top = self.padded.reshape(-1)[self._clipped]
        self._place = np.zeros(clipped.size, dtype=np.int32)  # 0: not saturated, k: the k-th saturated pixel
        self._place[self._clipped] = np.arange(1, len(self._clipped) + 1)
        box = np.ones((2 * self.reach_y + 3, 2 * self.reach_x + 3), np.uint8)
        self._near_clipped = np.stack([cv2.dilate(frame.view(np.uint8), box) for frame in clipped])

    def patches(self, e: Emitters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Patches (n, 2 reach_y + 1, 2 reach_x + 1) around the nearest pixels, and offsets in sigmas along x, y."""
        index, u_x, u_y = self._where(e)
        return self.padded.reshape(-1)[index], u_x, u_y

    def restore_saturated(self, e: Emitters) -> None:
        """Gives saturated pixels the model's value where it is higher: they say "at least", no more."""
        if len(self._clipped) == 0 or len(e) == 0:
            return
        row, column = np.rint(e.y_px).astype(np.intp), np.rint(e.x_px).astype(np.intp)
        e = e[self._near_clipped[e.frame, row + self.reach_y, column + self.reach_x] > 0]
        index, u_x, u_y = self._where(e)
        drawn = np.bincount(
            self._place[index].ravel(), weights=_model(e, u_x, u_y).ravel(), minlength=len(self._clipped) + 1
        )
        self.padded.reshape(-1)[self._clipped] = np.maximum(self._at_top, drawn[1:])

    def without(self, e: Emitters) -> np.ndarray:
        """(N, rows, columns) float32: the frames minus the emitters' Gaussians."""
        return self._inside(self._rest(e))

    def patches_without(self, model: Emitters, e: Emitters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As ``patches``, of the frames minus the model's Gaussians."""
        index, u_x, u_y = self._where(e)
        return self._rest(model).reshape(-1)[index], u_x, u_y

    def _rest(self, e: Emitters) -> np.ndarray:
        index, u_x, u_y = self._where(e)
        rest = self.padded.copy()
        np.subtract.at(rest.reshape(-1), index.ravel(), _model(e, u_x, u_y).astype(np.float32).ravel())
        return rest

    @property
    def frames(self) -> np.ndarray:
        """(N, rows, columns) float32: the frames without their rim."""
        return self._inside(self.padded)

    def _inside(self, padded: np.ndarray) -> np.ndarray:
        return padded[:, self.reach_y : self.reach_y + self.rows, self.reach_x : self.reach_x + self.columns]

    def _where(self, e: Emitters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        column, row = np.rint(e.x_px).astype(np.intp), np.rint(e.y_px).astype(np.intp)
        over_x, over_y = np.arange(-self.reach_x, self.reach_x + 1), np.arange(-self.reach_y, self.reach_y + 1)
        u_x = (over_x - (e.x_px - column)[:, None]) / e.sigma_x_px[:, None]
        u_y = (over_y - (e.y_px - row)[:, None]) / e.sigma_y_px[:, None]
        _, height, width = self.padded.shape
        first = (e.frame.astype(np.intp) * height + row) * width + column
        inside = np.arange(len(over_y))[:, None] * width + np.arange(len(over_x))
        return first[:, None, None] + inside, u_x, u_y


def fit_emitters(
    image: PaddedFrames, start: Emitters, expectation: Expectation | None = None, steps: int = 10
) -> Emitters:
    """Gauss-Newton from ``start``: the same bubbles with better positions and amplitudes; widths are kept.

    Clusters of overlapping bubbles are fitted each on its own, so that no cluster's answer depends on what else is
    in the sequence, and a cluster that has settled costs nothing more.
    """
    if len(start) == 0:
        return start
    fitted = {name: values.copy() for name, values in vars(start).items()}
    pairs = near_pairs(start, NEIGHBOUR_SIGMAS + PAIR_MARGIN_SIGMAS)
    cluster = _clusters(pairs, len(start))
    pairs = np.concatenate([pairs, pairs[:, ::-1]])  # seen from both sides, sorted by the first, as _solve wants them
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    e, where = start, np.arange(len(start))
    for step in range(steps):
        if step % RESTORE_EVERY == 0:
            image.restore_saturated(e)
        moved = _step(image, e, pairs, cluster, expectation)
        far = np.zeros(cluster.max() + 1)
        np.maximum.at(far, cluster, np.maximum(np.abs(moved.x_px - e.x_px), np.abs(moved.y_px - e.y_px)))
        for name, values in vars(moved).items():
            fitted[name][where] = values
        busy = far[cluster] >= SETTLED_PX
        if not busy.any():
            break
        e, where, expectation = moved[busy], where[busy], expectation and expectation[busy]
        number = np.cumsum(busy) - 1
        pairs = number[pairs[busy[pairs[:, 0]]]]
        cluster = np.unique(cluster[busy], return_inverse=True)[1]
    result = Emitters(**fitted)
    image.restore_saturated(result)
    return result


def isolated(e: Emitters, distance_sigmas: float = NEIGHBOUR_SIGMAS) -> np.ndarray:
    """(n,) bool: no other bubble of the frame within that distance."""
    alone = np.ones(len(e), dtype=bool)
    alone[near_pairs(e, distance_sigmas).ravel()] = False
    return alone


def coupled_with(e: Emitters, chosen: np.ndarray) -> np.ndarray:
    """(n,) bool: the chosen bubbles and all that overlap them, directly or through others.

    The rest cannot change when the chosen ones do, so it need not be fitted again.
    """
    cluster = _clusters(near_pairs(e, NEIGHBOUR_SIGMAS + PAIR_MARGIN_SIGMAS), len(e))
    return np.isin(cluster, cluster[chosen])


def _clusters(pairs: np.ndarray, count: int) -> np.ndarray:
    """(count,) number of the cluster that each belongs to."""
    graph = sparse.coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    return connected_components(graph, directed=False)[1]


def measured_widths(image: PaddedFrames, e: Emitters) -> tuple[np.ndarray, np.ndarray]:
    """Own standard deviations (x, y) of each bubble, from second moments under its Gaussian as window.

    A Gaussian times its window has variance v with 1/v = 1/sigma^2 + 1/window^2. Only meaningful for isolated
    bubbles; NaN where the moments make no Gaussian.
    """
    patches, u_x, u_y = image.patches(e)
    g_x, g_y = _bell(u_x), _bell(u_y)
    profile_x = np.einsum("nyx,ny->nx", patches, g_y) * g_x
    profile_y = np.einsum("nyx,nx->ny", patches, g_x) * g_y
    widths = []
    for profile, u, window in ((profile_x, u_x, e.sigma_x_px), (profile_y, u_y, e.sigma_y_px)):
        with np.errstate(divide="ignore", invalid="ignore"):
            variance = (profile * u**2).sum(1) / profile.sum(1)
            ratio = 1 / (1 / variance - 1)
            widths.append(np.where((variance > 0) & (variance < 1), np.sqrt(np.abs(ratio)) * window, np.nan))
    return widths[0], widths[1]


def _model(e: Emitters, u_x: np.ndarray, u_y: np.ndarray) -> np.ndarray:
    return (e.amplitude[:, None] * _bell(u_y))[:, :, None] * _bell(u_x)[:, None, :]


def _bell(u: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * u**2)


def near_pairs(e: Emitters, distance_sigmas: float) -> np.ndarray:
    """(pairs, 2) indices of bubbles of the same frame that are that near, in means of their widths."""
    if len(e) < 2:
        return np.empty((0, 2), dtype=np.intp)
    widest_x, widest_y = e.sigma_x_px.max(), e.sigma_y_px.max()
    apart = 10 * distance_sigmas  # frames are set so far apart that they never meet
    points = np.column_stack([e.x_px / widest_x, e.y_px / widest_y, e.frame * apart])
    pairs = cKDTree(points).query_pairs(distance_sigmas, output_type="ndarray")
    i, j = pairs.T
    across = 2 * (e.x_px[i] - e.x_px[j]) / (e.sigma_x_px[i] + e.sigma_x_px[j])
    along = 2 * (e.y_px[i] - e.y_px[j]) / (e.sigma_y_px[i] + e.sigma_y_px[j])
    return pairs[across**2 + along**2 <= distance_sigmas**2]


def _step(
    image: PaddedFrames, e: Emitters, pairs: np.ndarray, cluster: np.ndarray, expectation: Expectation | None
) -> Emitters:
    n = len(e)
    norm = np.sqrt(np.pi * e.sigma_x_px * e.sigma_y_px)  # of a Gaussian of peak 1
    strength = e.amplitude * norm
    i, j = pairs.T
    blocks = _pair_blocks(e, i, j)
    gradient = _evidence(image, e) / norm[:, None]
    gradient[:, 0] -= strength
    for k in range(3):
        gradient[:, k] -= np.bincount(i, weights=blocks[:, k, 0] * strength[j], minlength=n)
    diagonal = np.tile([1.0, 0.5, 0.5], (n, 1)) * (1 + DAMPING)
    if expectation is not None:
        _add_expectation(expectation, e, strength, norm, diagonal, gradient)
    change = _solve(diagonal, blocks, i, j, gradient, cluster)
    strength = np.maximum(strength + change[:, 0], MIN_AMPLITUDE * norm)
    move = np.clip(change[:, 1:] / strength[:, None], -MAX_STEP_SIGMAS, MAX_STEP_SIGMAS)
    return replace(
        e,
        amplitude=strength / norm,
        x_px=np.clip(e.x_px + move[:, 0] * e.sigma_x_px, -0.5, image.columns - 0.5001),
        y_px=np.clip(e.y_px + move[:, 1] * e.sigma_y_px, -0.5, image.rows - 0.5001),
    )


def _evidence(image: PaddedFrames, e: Emitters) -> np.ndarray:
    """(n, 3): inner products of the image with each Gaussian and its two derivatives (per sigma)."""
    patches, u_x, u_y = image.patches(e)
    g_x, g_y = _bell(u_x), _bell(u_y)
    along_y = np.matmul(patches, np.stack([g_x, g_x * u_x], axis=2))
    return np.column_stack([
        (along_y[:, :, 0] * g_y).sum(1), (along_y[:, :, 1] * g_y).sum(1), (along_y[:, :, 0] * g_y * u_y).sum(1)
    ])  # fmt: skip


def _pair_blocks(e: Emitters, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """(pairs, 3, 3): inner products of (Gaussian, d/dx, d/dy) of bubble i with those of bubble j, unit norm."""
    value, first_i, first_j, second = [], [], [], []
    for centre, sigma in ((e.x_px, e.sigma_x_px), (e.y_px, e.sigma_y_px)):
        s_i, s_j, d = sigma[i], sigma[j], centre[j] - centre[i]
        total = s_i**2 + s_j**2
        value.append(np.sqrt(2 * s_i * s_j / total) * np.exp(-(d**2) / (2 * total)))
        first_i.append(s_i * d / total)
        first_j.append(-s_j * d / total)
        second.append(s_i * s_j * (1 / total - d**2 / total**2))
    (ix, iy), (jx, jy) = first_i, first_j
    blocks = np.empty((len(i), 3, 3))
    blocks[:, 0, 0], blocks[:, 0, 1], blocks[:, 0, 2] = 1.0, jx, jy
    blocks[:, 1, 0], blocks[:, 1, 1], blocks[:, 1, 2] = ix, second[0], ix * jy
    blocks[:, 2, 0], blocks[:, 2, 1], blocks[:, 2, 2] = iy, iy * jx, second[1]
    blocks *= (value[0] * value[1])[:, None, None]
    return blocks


def _add_expectation(
    x: Expectation, e: Emitters, strength: np.ndarray, norm: np.ndarray, diagonal: np.ndarray, gradient: np.ndarray
) -> None:
    diagonal[:, 0] += x.amplitude_weight
    gradient[:, 0] += x.amplitude_weight * (x.amplitude * norm - strength)
    for k, (known, now, sigma) in enumerate(((x.x_px, e.x_px, e.sigma_x_px), (x.y_px, e.y_px, e.sigma_y_px)), start=1):
        diagonal[:, k] += x.position_weight
        gradient[:, k] += x.position_weight * strength * (known - now) / sigma


def _solve(
    diagonal: np.ndarray, blocks: np.ndarray, i: np.ndarray, j: np.ndarray, gradient: np.ndarray, cluster: np.ndarray
) -> np.ndarray:
    """(n, 3) solution of the sparse normal equations; bubbles without neighbours need no more than a division."""
    n = len(diagonal)
    change = gradient / diagonal
    if len(i) == 0:
        return change
    first = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=n))])
    coupling = sparse.bsr_array((blocks, j, first), shape=(3 * n, 3 * n))
    return _conjugate_gradients(coupling, diagonal.ravel(), gradient.ravel(), change.ravel(), cluster).reshape(n, 3)


def _conjugate_gradients(
    coupling: sparse.bsr_array, diagonal: np.ndarray, right: np.ndarray, start: np.ndarray, cluster: np.ndarray
) -> np.ndarray:
    """A few steps from ``start``, each cluster with its own step lengths.

    Written out because scipy's knows one step length for all, and asks BLAS for its inner products: on vectors of this
    length BLAS starts threads that wait for each other, three times slower, and sums in changing order.
    """
    of_unknown = np.repeat(cluster, 3)

    def inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.bincount(of_unknown, weights=a * b)

    def ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.divide(a, b, out=np.zeros_like(a), where=unsolved)[of_unknown]

    solution = start.copy()
    rest = right - diagonal * solution - coupling @ solution
    direction = rest.copy()
    energy = inner(rest, rest)
    enough = SOLVED**2 * inner(right, right)
    for _ in range(SOLVER_STEPS):
        unsolved = energy > enough
        if not unsolved.any():
            break
        ahead = diagonal * direction + coupling @ direction
        step = ratio(energy, inner(direction, ahead))
        solution += step * direction
        rest -= step * ahead
        energy, before = inner(rest, rest), energy
        direction = rest + ratio(energy, before) * direction
    return solution
