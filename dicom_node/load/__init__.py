"""Load: part-10 files in, one ``Series`` out (the words of series.py), pixels read when they are asked for.

paths -> instance.py   header, and pixels held against the length of the file
      -> pixels.py     native: read from the file; compressed: decoded into the scratch folder
      -> planes.py     place, trigger time, rescale of each frame (classic or enhanced)
      -> volumes.py    clips, slices and single images as volumes, in an order that the paths do not change
"""

from __future__ import annotations

from dicom_node.load.series import load_series

__all__ = ["load_series"]
