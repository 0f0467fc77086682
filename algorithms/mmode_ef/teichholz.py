"""What follows from the lengths of an M-mode: volumes, ejection fraction, shortening, mass. Plain formulas.

Teichholz: V = 7 D^3 / (2.4 + D), D in cm, V in ml (Teichholz et al., Am J Cardiol 1976;37:7-11; CN 109620293 B,
paragraph 0125). Mass: the cube formula of Devereux as recommended by ASE/EACVI (Lang et al., J Am Soc Echocardiogr
2015;28:1-39): 0.8 x 1.04 x ((IVSd + LVIDd + PWd)^3 - LVIDd^3) + 0.6 g, lengths in cm.
"""

from __future__ import annotations

from collections.abc import Mapping

MYOCARDIAL_DENSITY_G_PER_ML = 1.04


def volume_ml(diameter_mm: float) -> float:
    """Volume of the left ventricle from its internal dimension. Raises ValueError for a negative one."""
    if diameter_mm < 0:
        raise ValueError(f"a dimension is not negative; got {diameter_mm} mm")
    diameter_cm = diameter_mm / 10.0
    return 7.0 * diameter_cm**3 / (2.4 + diameter_cm)


def ejection_fraction_percent(edv_ml: float, esv_ml: float) -> float:
    """(EDV - ESV) / EDV."""
    return 100.0 * (edv_ml - esv_ml) / edv_ml


def fractional_shortening_percent(lvidd_mm: float, lvids_mm: float) -> float:
    """(LVIDd - LVIDs) / LVIDd."""
    return 100.0 * (lvidd_mm - lvids_mm) / lvidd_mm


def mass_g(ivsd_mm: float, lvidd_mm: float, lvpwd_mm: float) -> float:
    """Mass of the left ventricle at end-diastole (Devereux)."""
    outer_cm, inner_cm = (ivsd_mm + lvidd_mm + lvpwd_mm) / 10.0, lvidd_mm / 10.0
    return 0.8 * MYOCARDIAL_DENSITY_G_PER_ML * (outer_cm**3 - inner_cm**3) + 0.6


def relative_wall_thickness(lvidd_mm: float, lvpwd_mm: float) -> float:
    """2 PWd / LVIDd."""
    return 2.0 * lvpwd_mm / lvidd_mm


def function_of(lengths: Mapping[str, float]) -> dict[str, float]:
    """All that follows from the six lengths of one cycle (mm), by the keys of the summary."""
    lvidd, lvids = lengths["lvidd_mm"], lengths["lvids_mm"]
    edv, esv = volume_ml(lvidd), volume_ml(lvids)
    return {
        "edv_ml": edv,
        "esv_ml": esv,
        "ef_percent": ejection_fraction_percent(edv, esv),
        "fs_percent": fractional_shortening_percent(lvidd, lvids),
        "lv_mass_g": mass_g(lengths["ivsd_mm"], lvidd, lengths["lvpwd_mm"]),
        "relative_wall_thickness": relative_wall_thickness(lvidd, lengths["lvpwd_mm"]),
    }
