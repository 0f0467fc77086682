"""Which scheme scores a series: as the rule says, else by the part of the body, else the general one, and said so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from algorithms.virtual_elastography.options import Options
from algorithms.virtual_elastography.scoring import GENERAL, SCHEMES, Scheme
from dicom_node.codes import Code

BREAST = Code("76752008", "SCT", "Breast")
THYROID = Code("69748006", "SCT", "Thyroid")
LIVER = Code("10200004", "SCT", "Liver")
PROSTATE = Code("41216001", "SCT", "Prostate")
NAMES = {
    BREAST: re.compile(r"breast|mamm|brust|\bsein\b|mama\b|乳", re.IGNORECASE),
    THYROID: re.compile(r"thyr|schilddr|tiroid|甲状腺", re.IGNORECASE),
    LIVER: re.compile(r"liver|leber|\bfoie\b|h[ií]gado|fegato|hepat|肝", re.IGNORECASE),
    PROSTATE: re.compile(r"prostat|前列腺", re.IGNORECASE),
}
"""How headers name the organs: Body Part Examined has English terms, descriptions have any language."""
SCHEME_OF = {BREAST: "tsukuba", THYROID: "thyroid_four_point"}
DESCRIPTIONS = ("SeriesDescription", "ProtocolName", "StudyDescription")


@dataclass(frozen=True)
class ChosenScheme:
    """A scheme, why it was taken, and the organ where the header names one."""

    scheme: Scheme
    because: str
    site: Code | None


def scheme_for(options: Options, attributes: Mapping[str, str]) -> ChosenScheme:
    """The scheme for a series with these header values."""
    site = organ_of(attributes)
    if options.scheme != "auto":
        chosen, because = SCHEMES[options.scheme], "the options name it"
        if options.style == "shear_wave" and chosen is not GENERAL:
            because += "; it was published for strain elastograms, and this one imitates shear waves"
        return ChosenScheme(chosen, because, site)
    if options.style == "shear_wave":
        return ChosenScheme(GENERAL, "the published schemes are for strain elastograms", site)
    name = SCHEME_OF.get(site) if site else None
    if site is None:
        return ChosenScheme(GENERAL, "the header does not say which organ it is; option scheme names another", None)
    if name is None:
        return ChosenScheme(GENERAL, f"there is no other for the {site.meaning.lower()}", site)
    return ChosenScheme(SCHEMES[name], f"the header says {site.meaning.lower()}", site)


def organ_of(attributes: Mapping[str, str]) -> Code | None:
    """The organ by Body Part Examined, else by the descriptions; ``None`` where they name none, or several."""
    for words in (attributes.get("BodyPartExamined", ""), " ".join(attributes.get(key, "") for key in DESCRIPTIONS)):
        named = [site for site, pattern in NAMES.items() if pattern.search(words)]
        if len(named) == 1:
            return named[0]
        if named:
            return None
    return None
