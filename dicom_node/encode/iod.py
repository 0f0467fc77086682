"""Which attributes an object must have: type 1 and 2 of the mandatory modules of its IOD (PS3.3 annex A).

The tables are those that highdicom ships, made from the standard's own text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from highdicom._standard_utils import get_iod_module_map, get_module_attribute_map, get_sop_class_iod_map
from pydicom.dataset import Dataset

Path = tuple[str, ...]
_REQUIRED = {"1", "2"}
# Checked otherwise: content trees by reading them as such, functional groups frame by frame
_ELSEWHERE = ("sr-document-content", "functional-groups")


def missing_attributes(dataset: Dataset, sop_class_uid: str) -> Iterator[str]:
    """What the IOD requires and the data set lacks, as "<path> (type n)". Pixel data are not looked at."""
    for path, attributes in _requirements(sop_class_uid).items():
        for item in _items_at(dataset, path):
            for keyword, kind in attributes:
                if keyword not in item:
                    yield f"{'.'.join((*path, keyword))} is absent (type {kind})"
                elif kind == "1" and _is_empty(item, keyword):
                    yield f"{'.'.join((*path, keyword))} is empty (type 1)"


def prepare(sop_class_uids: Iterable[str]) -> None:
    """Reads the tables now (some tenths of a second, once in a process), so that no job waits for them."""
    for sop_class_uid in sop_class_uids:
        _requirements(sop_class_uid)


@lru_cache(maxsize=32)
def _requirements(sop_class_uid: str) -> dict[Path, tuple[tuple[str, str], ...]]:
    iod = get_sop_class_iod_map()[sop_class_uid]
    modules = [module["key"] for module in get_iod_module_map()[iod] if module["usage"] == "M"]
    found: dict[Path, dict[str, str]] = {}
    for module in modules:
        if module.endswith(_ELSEWHERE):
            continue
        for attribute in get_module_attribute_map()[module]:
            if attribute["type"] in _REQUIRED:
                kinds = found.setdefault(tuple(attribute["path"]), {})
                kinds[attribute["keyword"]] = min(attribute["type"], kinds.get(attribute["keyword"], "2"))
    return {path: tuple(kinds.items()) for path, kinds in found.items()}


def _items_at(dataset: Dataset, path: Path) -> list[Dataset]:
    items = [dataset]
    for keyword in path:
        items = [child for item in items for child in item.get(keyword) or []]
    return items


def _is_empty(item: Dataset, keyword: str) -> bool:
    element = item[keyword]
    return not element.value if element.VR == "SQ" else element.is_empty
