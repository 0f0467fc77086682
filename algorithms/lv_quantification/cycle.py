"""Whether the frames of one slice are a heart cycle, and what is wrong where they are not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dicom_node.series import Volume

LEAST_FRAMES = 5
"""Fewer leave the phase rule nothing to fit, and end-systole nothing to be found between."""
CARDIAC_TIMES = ("TriggerTime", "NominalCardiacTriggerDelayTime")
LARGEST_STEP = 1.6
"""Times the median step between frames: at 2, a frame is missing."""
LARGEST_COVER = 1.5
"""Times the heartbeat: frames that go on longer are of several beats (a perfusion, a real-time series), not of one
cycle put together from many. A header's interval is off by less."""
SHORTEST_BEAT_S, LONGEST_BEAT_S = 0.2, 3.0
"""300 and 20 beats in a minute: what a header gives beyond is no heartbeat."""


def faults_of(volume: Volume, least_cover: float, fallback_rr_s: float | None, notes: Sequence[str]) -> list[str]:
    """What keeps a slice from being measured, each with what was found and what is needed.

    Args:
        volume: one slice.
        least_cover: part of the heartbeat that the frames must span, 0 ... 1.
        fallback_rr_s: from the heart rate, for slices whose own header has no interval.
        notes: of loading; the reason for missing times is among them.
    """
    found, frames = [], len(volume.frames)
    if volume.is_colour:
        found.append("a colour picture; needs grey values")
    if volume.spacing is None:
        found.append("no valid PixelSpacing; needs it for every area and length (no scale is assumed)")
    if frames < LEAST_FRAMES:
        found.append(f"{frames} frame(s); needs a cine of >= {LEAST_FRAMES} frames of the heart cycle")
        return found
    if volume.cardiac_images is not None and volume.cardiac_images != frames:
        found.append(
            f"an incomplete or doubled heart cycle: {frames} frames where the header has CardiacNumberOfImages "
            f"{volume.cardiac_images}; needs every phase once: send the slice again, whole"
        )
    if volume.timing is None or volume.timing.source not in CARDIAC_TIMES:
        first = volume.frames[0].ref.sop_instance_uid
        why = [note.partition(": ")[2] for note in notes if first in note and "no times" in note]
        told = why[0] if why else "no times in the heart cycle"
        found.append(
            f"{told}; needs TriggerTime (classic) or NominalCardiacTriggerDelayTime (enhanced), one value per phase"
        )
    elif frames > 1:
        found += _time_faults(volume, least_cover, fallback_rr_s)
    return found


def rr_s(volume: Volume, fallback_rr_s: float | None) -> float | None:
    """The heartbeat's length by NominalInterval or RRIntervalTimeNominal, else by the heart rate."""
    own = volume.timing.rr_interval_s if volume.timing else None
    return own if own is not None and SHORTEST_BEAT_S <= own <= LONGEST_BEAT_S else fallback_rr_s


def rr_from_heart_rate(heart_rate: str | None) -> float | None:
    """Seconds, from Heart Rate (0018,1088) as the header writes it; ``None`` where that is no rate of a heart."""
    try:
        rate = float(heart_rate or "")
    except ValueError:
        return None
    return 60.0 / rate if 60.0 / LONGEST_BEAT_S <= rate <= 60.0 / SHORTEST_BEAT_S else None


def _time_faults(volume: Volume, least_cover: float, fallback_rr_s: float | None) -> list[str]:
    assert volume.timing is not None
    steps = np.diff(volume.timing.times_s)
    step = float(np.median(steps))
    late = [number for number, one in enumerate(steps, start=1) if one > LARGEST_STEP * step]
    if late:
        gaps = ", ".join(f"{number} and {number + 1}" for number in late[:3])
        return [
            f"a phase is missing between frames {gaps} ({1000 * max(steps):.0f} ms where the step is "
            f"{1000 * step:.0f} ms); needs every phase: send the slice again, whole"
        ]
    beat = rr_s(volume, fallback_rr_s)
    covered = float(sum(steps)) + step  # the last frame lasts a step, too
    longest = LARGEST_COVER * beat if beat is not None else LONGEST_BEAT_S
    if covered > longest:
        told = f"of {1000 * beat:.0f} ms" if beat is not None else "of unknown length"
        return [
            f"more than one heartbeat: the frames go on for {1000 * covered:.0f} ms, beats are {told}; needs one cycle "
            "of a gated cine (a perfusion or real-time series is none)"
        ]
    if beat is not None and covered < least_cover * beat:
        return [
            f"an incomplete heartbeat: the frames cover {1000 * covered:.0f} of {1000 * beat:.0f} ms; "
            f"needs >= {100 * least_cover:.0f} %"
        ]
    return []
