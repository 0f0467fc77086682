"""Speed and memory of ulm_decoupling: ratios measured within one run, so that they hold on any machine.

    python benchmarks/bench_ulm.py [--json]

Rows named "x" are times relative to the reference in the same row; fps are frames of the whole path (both
decouplings, localisation, tracks, maps) per second of wall time on two threads.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from scipy import ndimage

from algorithms.ulm_decoupling.localise import localise
from algorithms.ulm_decoupling.maps import MapOptions, draw_maps
from algorithms.ulm_decoupling.measure import (
    TimeDecoupling,
    decouple_chunks,
    decouple_space,
    decouple_time,
    kernel,
    largest_scale,
    quantise,
)

LOOP_PIXELS = 400
MEMORY_SHAPE = (2000, 512, 512)
MEMORY_LIMIT_GIB = 1.5


def best_of(work: Callable[[], object], times: int = 3) -> float:
    """Shortest wall time in seconds."""
    durations = []
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        durations.append(time.perf_counter() - start)
        del result
    return min(durations)


def sequence(n_frames: int, rows: int, columns: int, n_bubbles: int, seed: int = 0) -> np.ndarray:
    """Bubbles on straight lines (they come back at the other side) over noise, uint8."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, columns, n_bubbles), rng.uniform(0, rows, n_bubbles)
    angle, speed = rng.uniform(0, 2 * np.pi, n_bubbles), rng.uniform(0.4, 1.5, n_bubbles)
    frames = np.empty((n_frames, rows, columns), np.uint8)
    over_y, over_x = np.mgrid[-5:6, -6:7]
    for t in range(n_frames):
        picture = np.abs(rng.normal(0, 5, (rows + 12, columns + 14))).astype(np.float32)
        at_x, at_y = (x + speed * np.cos(angle) * t) % columns, (y + speed * np.sin(angle) * t) % rows
        for u, v in zip(at_x, at_y, strict=True):
            i, j = round(v), round(u)
            bell = np.exp(-0.5 * (((over_x - u + j) / 1.8) ** 2 + ((over_y - v + i) / 1.3) ** 2))
            picture[i + 1 : i + 12, j + 1 : j + 14] += 190 * bell
        frames[t] = picture[6:-6, 7:-7].clip(0, 255)
    return frames


def bench_space() -> dict[str, float]:
    """First decoupling on 100 frames of 400x400."""
    frames = sequence(100, 400, 400, 250)
    out = np.empty(frames.shape, np.float32)
    masks = (frames > 60).astype(np.uint8)
    ours = best_of(lambda: decouple_space(frames, out=out))
    opencv = best_of(lambda: [cv2.distanceTransform(m, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for m in masks])
    scipy = best_of(lambda: [ndimage.distance_transform_edt(m) for m in masks[:10]], 1) * 10
    frame = frames[0]
    background = np.argwhere(masks[0] == 0).astype(np.float32)
    bubble = np.argwhere(masks[0])[:LOOP_PIXELS]
    loop = best_of(lambda: [frame[i, j] * np.sqrt(((background - (i, j)) ** 2).sum(1).min()) for i, j in bubble], 1)
    loop *= masks.sum() / len(bubble)
    copy = best_of(lambda: np.copy(out))
    return {
        "space_s": ours,
        "space_x_of_opencv_distance": ours / opencv,
        "space_x_of_output_copy": ours / copy,
        "space_faster_than_pixel_loop_x": loop / ours,
        "opencv_distance_x_of_scipy": opencv / scipy,
    }


def bench_time() -> dict[str, float]:
    """Second decoupling on 201x400x400, five Haar scales, 688 frames out."""
    frames = np.random.default_rng(0).random((201, 400, 400), dtype=np.float32)
    result = decouple_time(frames)
    ours = best_of(lambda: decouple_time(frames), 5)
    reused = best_of(lambda: decouple_time(frames, out=result), 5)
    copy = best_of(lambda: result.copy(), 5)
    spare = result.copy()
    copy_reused = best_of(lambda: np.copyto(spare, result), 5)
    kernels = [kernel("haar", scale) for scale in (2, 3, 4, 5)]
    signals = frames.reshape(201, -1).T[:LOOP_PIXELS]
    loop = best_of(lambda: [np.concatenate([np.convolve(s, k, "valid") for k in kernels]) for s in signals], 1) * (
        160000 / LOOP_PIXELS
    )
    return {
        "time_s": ours,
        "time_x_of_output_copy": ours / copy,
        "time_into_given_array_x_of_copy_into_given_array": reused / copy_reused,
        "time_faster_than_pixel_loop_x": loop / ours,
    }


def whole_path(frames: np.ndarray, series: Callable[[slice, np.ndarray], None]) -> tuple[int, int]:
    """Both decouplings (each block handed to ``series``), localisation, tracks, maps: found, tracks."""
    fluctuation = np.zeros(frames.shape[1:], np.float32)
    scales = min(5, largest_scale(len(frames)))
    for where, block in decouple_chunks(frames, time=TimeDecoupling(scales=scales)):
        np.maximum(fluctuation, np.maximum(block.max(0), -block.min(0)), out=fluctuation)
        series(where, block)
    found = localise(frames, fluctuation=fluctuation)
    draw_maps(found, *frames.shape[1:], MapOptions(factor=4))
    return len(found), found.n_tracks


def bench_path() -> dict[str, float]:
    """Frames per second of the whole path."""
    figures: dict[str, float] = {}
    for name, shape, bubbles in (("343x230", (100, 343, 230), 60), ("512x512", (100, 512, 512), 150)):
        frames = sequence(*shape, bubbles)
        start = time.perf_counter()
        whole_path(frames, lambda where, block: None)
        figures[f"fps_{name}_{bubbles}_bubbles"] = shape[0] / (time.perf_counter() - start)
    return figures


def memory_child(folder: Path) -> None:
    """The whole path on 2000x512x512 from a memory map; the quantised S_S goes to a file."""
    n_frames, rows, columns = MEMORY_SHAPE
    frames = np.memmap(folder / "frames.raw", np.uint8, "r", shape=MEMORY_SHAPE)
    with (folder / "s_s.raw").open("wb") as file:

        def write(where: slice, block: np.ndarray) -> None:
            file.seek(where.start * rows * columns)
            file.write(quantise(block, np.uint8, -1000.0, 1000.0).data)

        start = time.perf_counter()
        found, tracks = whole_path(frames, write)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    duration = time.perf_counter() - start
    figures = {"peak_gib": peak, "fps": n_frames / duration, "found": found, "tracks": tracks}
    print(json.dumps(figures))


def bench_memory() -> dict[str, float]:
    """Peak memory of a child process, input mapped from disk and counted in."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        part = sequence(100, *MEMORY_SHAPE[1:], 40)
        with (folder / "frames.raw").open("wb") as file:
            for _ in range(MEMORY_SHAPE[0] // len(part)):
                file.write(part.data)
        child = subprocess.run(
            [sys.executable, __file__, "--memory-child", str(folder)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    figures = json.loads(child.stdout)
    return {"peak_gib_2000x512x512": figures["peak_gib"], "fps_2000x512x512_40_bubbles": figures["fps"]}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--only", choices=["space", "time", "path", "memory"], help="one part")
    parser.add_argument("--memory-child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_child:
        memory_child(arguments.memory_child)
        return
    parts = {"space": bench_space, "time": bench_time, "path": bench_path, "memory": bench_memory}
    figures: dict[str, float] = {}
    for name, bench in parts.items():
        if arguments.only in (None, name):
            figures |= bench()
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:52s} {value:10.3f}")
    if figures.get("peak_gib_2000x512x512", 0) > MEMORY_LIMIT_GIB:
        print(f"peak memory is above {MEMORY_LIMIT_GIB} GiB", file=sys.stderr)


if __name__ == "__main__":
    main()
