"""Pictures that are of nothing: clouds, noise, stripes, shapes, pages of text; and the furniture of screens.

They stand for whatever else may reach a node under the name of an ultrasound image.
"""

from __future__ import annotations

import string
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

SIDES_PX = (90, 200)
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX)
LETTERS = np.array(list(string.ascii_letters + string.digits + " .:/-"))


def nonsense(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(rows, columns, 3) of any size and kind."""
    size = (int(rng.integers(*SIDES_PX)), int(rng.integers(*SIDES_PX)))
    return _WAYS[int(rng.integers(len(_WAYS)))](rng, size)


def drawn_over(screen: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A screen with lines of text, a header, a grey scale, ticks: what scanners write beside their pictures."""
    rows, columns = screen.shape[:2]
    if rng.random() < 0.4:
        colour = tuple(int(value) for value in rng.integers(20, 120, 3))
        cv2.rectangle(screen, (0, 0), (columns, int(rows * rng.uniform(0.03, 0.1))), colour, -1)
    if rng.random() < 0.5:
        left, top, height = int(rng.choice([2, columns - 8])), int(rows * rng.uniform(0.05, 0.2)), int(0.3 * rows)
        ramp = np.linspace(255, 0, height).astype(np.uint8)
        part = screen[top : top + height, left : left + 4]
        part[:] = ramp[: part.shape[0], None, None]
    if rng.random() < 0.5:
        at, step = int(rng.choice([1, columns - 4])), max(4, int(rows * rng.uniform(0.05, 0.12)))
        screen[::step, at : at + 3] = 200
    for _ in range(int(rng.integers(1, 12))):
        _write(screen, rng, (int(rng.choice([2, int(0.75 * columns)])), int(rng.integers(6, max(7, rows)))))
    return screen


def _write(picture: NDArray[np.uint8], rng: np.random.Generator, place: tuple[int, int]) -> None:
    text = "".join(rng.choice(LETTERS, int(rng.integers(2, 12))))
    colours = ((220, 220, 220), (230, 220, 60), (90, 140, 230), (60, 220, 90))
    colour = colours[int(rng.integers(len(colours)))]
    cv2.putText(picture, text, place, FONTS[int(rng.integers(3))], rng.uniform(0.2, 0.45), colour, 1, cv2.LINE_AA)


def _even(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """One colour, or a slope from one to another."""
    ends = rng.integers(0, 256, (2, 2, 3)).astype(np.float32)
    if rng.random() < 0.5:
        ends[:] = ends[0, 0] * rng.choice([0.0, 0.1, 1.0])
    return cv2.resize(ends, size[::-1]).astype(np.uint8)


def _clouds(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Fields with the spectrum of natural pictures, 1/f, grey or in colours."""
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None])
    weight = 1 / np.maximum(frequency, 1 / max(size)) ** rng.uniform(0.6, 2.0)
    layers = 3 if rng.random() < 0.5 else 1
    noise = np.fft.rfft2(rng.standard_normal((layers, *size)))
    field = np.fft.irfft2(noise * weight, s=size).transpose(1, 2, 0)
    field = field / field.std() * rng.uniform(30, 70) + rng.uniform(40, 180)
    return np.clip(np.broadcast_to(field, (*size, 3)), 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    grain = rng.rayleigh(rng.uniform(10, 90), (*size, int(rng.choice([1, 3])))).astype(np.float32)
    grain = cv2.GaussianBlur(np.broadcast_to(grain, (*size, 3)).copy(), (0, 0), rng.uniform(0.3, 2.5))
    return np.clip(grain, 0, 255).astype(np.uint8)


def _stripes(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Waves in one or two directions, soft or hard."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    wave = np.ones(size, np.float32)
    for _ in range(int(rng.integers(1, 3))):
        turn, length = rng.uniform(0, np.pi), rng.uniform(4, 60)
        wave *= np.sin(2 * np.pi * (x * np.cos(turn) + y * np.sin(turn)) / length)
    if rng.random() < 0.5:
        wave = np.sign(wave)
    colour = rng.integers(60, 256, 3) if rng.random() < 0.4 else np.full(3, rng.integers(60, 256))
    return ((wave[..., None] + 1) / 2 * colour).astype(np.uint8)


def _shapes(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Ellipses and polygons over each other, some soft, as slices of bodies and drawings have them."""
    grey = rng.random() < 0.6
    picture = np.full((*size, 3), int(rng.choice([0, 0, 255, rng.integers(256)])), np.uint8)
    for _ in range(int(rng.integers(2, 16))):
        colour = tuple(int(value) for value in (np.full(3, rng.integers(256)) if grey else rng.integers(0, 256, 3)))
        centre = (int(rng.integers(size[1])), int(rng.integers(size[0])))
        if rng.random() < 0.6:
            axes = (int(rng.uniform(0.03, 0.5) * size[1]), int(rng.uniform(0.03, 0.5) * size[0]))
            cv2.ellipse(picture, centre, axes, rng.uniform(0, 180), 0, 360, colour, int(rng.choice([-1, 2, 4])))
        else:
            corners = np.array(centre) + rng.integers(-60, 60, (int(rng.integers(3, 7)), 2))
            cv2.fillPoly(picture, [corners.astype(np.int32)], colour)
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 3.0)) if rng.random() < 0.6 else picture


def _page(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    paper, ink = ((250, 20), (0, 220), (40, 235))[int(rng.integers(3))]
    picture = np.full((*size, 3), paper, np.uint8)
    step = int(rng.integers(7, 18))
    for y in range(step, size[0], step):
        text = "".join(rng.choice(LETTERS, int(rng.integers(0, 30))))
        cv2.putText(picture, text, (3, y), FONTS[int(rng.integers(3))], step / 36, (ink,) * 3, 1, cv2.LINE_AA)
    return picture


def _curve(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Traces over time: an ECG, a plot, a mask of a moving wall."""
    picture = np.full((*size, 3), int(rng.choice([0, 0, 255])), np.uint8)
    x = np.arange(size[1])
    for _ in range(int(rng.integers(1, 4))):
        y = rng.uniform(0.2, 0.8) + rng.uniform(0.02, 0.2) * np.sin(x / rng.uniform(2, 20) + rng.uniform(0, 6))
        points = np.stack([x, np.clip(y, 0, 1) * size[0]], axis=1).astype(np.int32)
        colour = tuple(int(value) for value in rng.integers(60, 256, 3))
        if rng.random() < 0.4:
            cv2.fillPoly(picture, [np.vstack([points, [[size[1], size[0]], [0, size[0]]]])], colour)
        else:
            cv2.polylines(picture, [points], False, colour, int(rng.integers(1, 4)))
    return picture


_WAYS: tuple[Callable[[np.random.Generator, tuple[int, int]], NDArray[np.uint8]], ...] = (
    _even,
    _clouds,
    _noise,
    _stripes,
    _shapes,
    _shapes,
    _page,
    _curve,
)
