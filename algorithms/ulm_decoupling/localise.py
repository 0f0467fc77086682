"""From frames to bubble positions: survey, detect in each frame, take apart along tracks, link, smooth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from algorithms.ulm_decoupling.detect import Brightness, DetectOptions, detect, least_amplitude, split_doubles
from algorithms.ulm_decoupling.fit import Emitters, PaddedFrames
from algorithms.ulm_decoupling.measure import SpaceDecoupling
from algorithms.ulm_decoupling.psf import PointSpread
from algorithms.ulm_decoupling.resolve import Images, Result, resolve
from algorithms.ulm_decoupling.scene import PictureQuality, Scene, survey
from algorithms.ulm_decoupling.track import NO_TRACK, LinkOptions, filled, link, smoothed

STRETCH_PIXELS = 2_000_000  # frames worked on together: bounded memory, and enough to fill the processor
KEPT_PIXELS = 32_000_000  # shorter sequences keep their prepared images between rounds


@dataclass(frozen=True)
class LocaliseOptions:
    """All that localisation can be told.

    Attributes:
        detect: how bubbles are found in a frame.
        space: the first decoupling, which gives the seeds.
        links: how they are linked.
        smooth_frames: points to either side that a position along a track is smoothed with; 0 for none.
        keep_untracked: whether localisations that belong to no track are kept (track -1).
    """

    detect: DetectOptions = field(default_factory=DetectOptions)
    space: SpaceDecoupling = field(default_factory=SpaceDecoupling)
    links: LinkOptions = field(default_factory=LinkOptions)
    smooth_frames: int = 5
    keep_untracked: bool = False


@dataclass(frozen=True)
class Localisations:
    """Bubble positions of a sequence, ordered by frame, then track.

    Attributes:
        frame: (n,) int, from 0.
        track: (n,) int, from 0; -1 without a track.
        x_px: (n,) column; pixel centres lie at integers.
        y_px: (n,) row.
        amplitude: (n,) grey value above the background (of the magnitude, where the grey scale is logarithmic).
        velocity_x_px: (n,) px/frame; NaN without a track.
        velocity_y_px: (n,) px/frame; NaN without a track.
        point_spread: what the bubbles were fitted with.
        quality: what the pictures allowed to see.
    """

    frame: np.ndarray
    track: np.ndarray
    x_px: np.ndarray
    y_px: np.ndarray
    amplitude: np.ndarray
    velocity_x_px: np.ndarray
    velocity_y_px: np.ndarray
    point_spread: PointSpread
    quality: PictureQuality

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def n_tracks(self) -> int:
        """Number of different tracks."""
        return int(self.track.max()) + 1 if len(self.track) else 0


def localise(
    frames: np.ndarray,
    options: LocaliseOptions | None = None,
    fluctuation: np.ndarray | None = None,
    threads: int = 2,
) -> Localisations:
    """Positions of all bubbles in a sequence.

    Args:
        frames: (N, rows, columns), S_R, grey values of any real type; a memory map will do. Saturated integers
            (the type's largest value) count as "at least that bright".
        options: how; the defaults use the first decoupling's seeds and the joint fit.
        fluctuation: (rows, columns), largest magnitude of S_S at each pixel: seeds where nothing moves are
            dropped. Without it every seed is kept.
        threads: stretches of frames worked on at the same time.

    Returns:
        Localisations; none is a valid answer.

    Raises:
        ValueError: not three-dimensional, not numbers.
    """
    options = options or LocaliseOptions()
    if frames.ndim != 3 or 0 in frames.shape:
        raise ValueError(f"frames must have the shape (N, rows, columns), none of them 0; got {frames.shape}")
    if frames.dtype.kind not in "uif":
        raise ValueError(f"frames must hold integers or floating-point numbers; got {frames.dtype}")
    scene = survey(frames)
    images = _Stretches(frames, scene, threads)

    def find(stretch: slice, image: PaddedFrames) -> Emitters:
        found = detect(frames[stretch], image, scene, options.detect, options.space, fluctuation)
        return replace(found, frame=found.frame + stretch.start)

    found = _joined(images.each(find))
    if options.detect.subpixel == "joint_fit":
        found = _doubles_split(images, found)
        found = resolve(images, found, scene, options.links, least_amplitude(scene, options.detect))
    return _linked(found, scene, options)


def _doubles_split(images: Images, found: Emitters) -> Emitters:
    brightness = Brightness.of(found)
    if brightness is None:
        return found

    def split(stretch: slice, image: PaddedFrames) -> Emitters:
        here = found[(found.frame >= stretch.start) & (found.frame < stretch.stop)]
        result = split_doubles(image, replace(here, frame=here.frame - stretch.start), brightness)
        return replace(result, frame=result.frame + stretch.start)

    return _joined(images.each(split))


def _joined(parts: Sequence[Emitters]) -> Emitters:
    return Emitters(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


class _Stretches:
    """A sequence, a bounded number of pixels at a time (the ``Images`` of ``resolve``)."""

    def __init__(self, frames: np.ndarray, scene: Scene, threads: int) -> None:
        self.n_frames = len(frames)
        self._frames, self._scene, self._threads = frames, scene, threads
        self._kept: dict[int, PaddedFrames] = {}
        length = max(1, STRETCH_PIXELS // (frames.shape[1] * frames.shape[2]))
        length = max(1, min(length, -(-len(frames) // threads)))
        self._slices = [slice(a, min(a + length, len(frames))) for a in range(0, len(frames), length)]

    def each(self, work: Callable[[slice, PaddedFrames], Result]) -> list[Result]:
        """Calls ``work`` for every stretch, some at the same time; results in order of time."""

        def one(stretch: slice) -> Result:
            image = self._kept.get(stretch.start) or self._scene.image(self._frames[stretch])
            if self._frames.size <= KEPT_PIXELS:
                self._kept[stretch.start] = image
            return work(stretch, image)

        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(one, self._slices))


def _linked(found: Emitters, scene: Scene, options: LocaliseOptions) -> Localisations:
    frame, x, y, amplitude = found.frame, found.x_px, found.y_px, found.amplitude
    track = link(frame, x, y, amplitude, options.links)
    more_frame, more_track, (more_x, more_y, more_amplitude) = filled(frame, track, (x, y, amplitude))
    frame, track = np.concatenate([frame, more_frame]), np.concatenate([track, more_track])
    x, y = np.concatenate([x, more_x]), np.concatenate([y, more_y])
    amplitude = np.concatenate([amplitude, more_amplitude])
    smooth_x, smooth_y, v_x, v_y = smoothed(frame, x, y, track, max(options.smooth_frames, 1))
    if options.smooth_frames:
        x, y = smooth_x, smooth_y
    tracked = track != NO_TRACK
    v_x, v_y = np.where(tracked, v_x, np.nan), np.where(tracked, v_y, np.nan)
    order = np.lexsort((track, frame))
    if not options.keep_untracked:
        order = order[tracked[order]]
    return Localisations(
        frame[order], track[order], x[order], y[order], amplitude[order], v_x[order], v_y[order],
        scene.point_spread, scene.quality,
    )  # fmt: skip
