"""evaluate: networks that know the truth get full marks, and each picture is judged by those that never saw it."""

from __future__ import annotations

import csv
import hashlib
import json

import cv2
import numpy as np
import pytest

import algorithms.ovarian_classification.evaluate as evaluation
import algorithms.ovarian_classification.judged as judging
from algorithms.ovarian_classification.canvas import MARGIN
from algorithms.ovarian_classification.classes import CLASSES, MALIGNANT, NORMAL
from algorithms.ovarian_classification.evaluate import evaluate
from algorithms.ovarian_classification.experts import Classified
from algorithms.ovarian_classification.operating import Operating
from algorithms.ovarian_classification.quality import Quality
from dicom_node.algorithm import EvaluationReport, Workbench
from dicom_node.errors import ModelError, UsageError

POINT = Operating(0.5, 1.0, 0.0, 0.4, 0.7, 0.4, 1.2, "a test", 0.6, 0.8)
WITHOUT = [POINT.to_card() | {"rests_on": f"all but fold {fold}"} for fold in range(1, 6)]
SIDE = 96
GREY_OF = {name: 40 + 25 * place for place, name in enumerate(CLASSES)}


def _picture(category, number):
    """A disc whose brightness tells its class, in speckle that tells the number."""
    rng = np.random.default_rng(number)
    rgb = np.repeat(rng.integers(20, 30, (SIDE, SIDE, 1)).astype(np.uint8), 3, axis=2)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(mask, (48, 48), 20, 255, -1)
    rgb[mask > 0] = GREY_OF[category]
    return rgb, mask


@pytest.fixture
def labelled(tmp_path):
    """48 pictures, 6 of each class, every three of a class with numbers in a row: name -> digest."""
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    digests, rows = {}, []
    for number in range(48):
        category = CLASSES[(number // 3) % 8]
        name = f"{number + 2 * (number // 3)}.png"
        rgb, mask = _picture(category, number)
        cv2.imwrite(str(tmp_path / "images" / name), rgb[..., ::-1])
        cv2.imwrite(str(tmp_path / "masks" / name), mask)
        digests[name] = hashlib.sha256((tmp_path / "images" / name).read_bytes()).hexdigest()[:12]
        rows.append((name, category))
    _write_labels(tmp_path, rows)
    return tmp_path, digests


def _write_labels(folder, rows):
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "class"), *rows])


class PretendModels:
    """Cards that say which fold held which picture out."""

    taught: tuple = ()

    def __init__(self, held_out=None, card=None):
        self.held_out = held_out or {}
        self.more = {"operating": POINT.to_card(), "operating_without": WITHOUT} if card is None else card

    def open(self, name):
        raise AssertionError("pretended networks open nothing")

    def card(self, name):
        if name == "quality":
            return {"taught_digests": list(self.taught)}
        kind, _, fold = name.rpartition("_")
        held = {"held_out_digests": self.held_out.get(int(fold), [])} if kind == "resnet50" else {}
        return held | (self.more if name == judging.CARRIER else {})


class KnowingExperts:
    """Reads the class off the disc's brightness; where told so, says the opposite of cancer."""

    asked: tuple = ()
    opposite = False
    calls_lesions_ovaries = False

    def __init__(self, models, folds=(1, 2, 3, 4, 5)):
        self.folds = tuple(folds)

    def classify(self, rgb):
        KnowingExperts.asked = (*KnowingExperts.asked, self.folds)
        grey = int(rgb[40:56, 40:56].mean())
        place = int(np.argmin([abs(grey - value) for value in GREY_OF.values()]))
        categories = np.full(8, 0.02, np.float32)
        categories[place] = 0.86
        cancer = (place == MALIGNANT) != self.opposite
        lesion = np.zeros(rgb.shape[:2], bool)
        lesion[28:69, 28:69] = True
        activation = np.zeros(rgb.shape[:2], np.float32)
        activation[48, 48] = 1.0
        p = 0.9 if cancer else 0.1 + grey / 10_000
        p_lesion = 0.9 if (place != NORMAL) != self.calls_lesions_ovaries else 0.2
        return Classified(p, p, p_lesion, categories, 0.0, lesion, activation)


class Keeping:
    def __init__(self, models):
        pass

    def judge(self, rgb):
        dropped = rgb[48, 48, 0] == GREY_OF["Teratoma"]
        return Quality({}, not dropped, "shows no adnexa: neither (P = 0.1)" if dropped else "shows adnexa")


@pytest.fixture(autouse=True)
def pretended(monkeypatch):
    monkeypatch.setattr(judging, "Experts", KnowingExperts)
    monkeypatch.setattr(evaluation, "QualityTest", Keeping)
    monkeypatch.setattr(KnowingExperts, "asked", ())
    monkeypatch.setattr("algorithms.ovarian_classification.reader_figures.DRAWS", 200)


def _evaluated(folder, models=None) -> EvaluationReport:
    return evaluate(folder, Workbench(load=lambda files: None, models=models or PretendModels()))


def test_networks_that_know_get_full_marks(labelled):
    folder, _ = labelled
    report = _evaluated(folder)
    values = report.values
    assert (values["images"], values["malignant_images"]) == (48, 6)
    for reader in ("resnet50", "darknet19", "ensemble", "lesion_vs_normal"):
        assert values[reader]["auc"] == 1.0
        assert values[reader]["sensitivity"] == 1.0
    for reader in ("resnet50", "darknet19", "ensemble"):
        assert values[reader]["specificity"] == values[reader]["kappa"] == values[reader]["f1"] == 1.0
    assert values["ensemble"]["sensitivity_ci"][0] == pytest.approx(0.6097, abs=1e-4)  # Wilson, 6 of 6
    assert values["classes"]["accuracy"] == 1.0
    assert values["classes"]["Teratoma"]["auc"] == 1.0
    assert values["segmentation"]["none_found"] == 0.0
    assert values["activation_map"]["maximum_in_lesion"] == 1.0
    assert values["examinations"]["auc"] == 1.0
    assert values["quality"]["kept"] == 42 / 48
    assert values["quality"]["dropped_for"] == {"shows no adnexa": 6}
    json.dumps(values, allow_nan=False)


def test_overlap_and_chance_are_those_of_the_masks(labelled):
    folder, _ = labelled
    values = _evaluated(folder).values
    disc = np.count_nonzero(_picture("Teratoma", 0)[1])
    assert values["segmentation"]["images"] == 42
    assert values["segmentation"]["dice_mean"] == pytest.approx(2 * disc / (disc + 41 * 41))
    side = min(41 * (1 + 2 * MARGIN), SIDE)  # of what the experts see: the lesion with that much left free all round
    assert values["activation_map"]["by_chance"] == pytest.approx(disc / side**2, rel=0.03)
    assert values["activation_map"]["by_outline"] == pytest.approx(disc / 41**2)


def test_the_opposite_gets_none(labelled, monkeypatch):
    monkeypatch.setattr(KnowingExperts, "opposite", True)
    values = _evaluated(labelled[0]).values
    assert values["ensemble"]["auc"] == 0.0
    assert values["ensemble"]["sensitivity"] == values["ensemble"]["specificity"] == 0.0
    assert values["ensemble"]["band"]["missed_of_malignant"] == 1.0


def test_lesion_or_ovary_is_judged_by_what_a_node_tells(labelled, monkeypatch):
    """P(lesion), and not by what the classes, which are right here, leave to a normal ovary."""
    monkeypatch.setattr(KnowingExperts, "calls_lesions_ovaries", True)
    values = _evaluated(labelled[0]).values
    assert values["lesion_vs_normal"]["auc"] == 0.0
    assert values["ensemble"]["auc"] == 1.0


def test_a_picture_is_judged_by_the_fold_that_never_saw_it(labelled):
    folder, digests = labelled
    names = list(digests)
    held_out = {fold: [digests[name] for name in names[fold - 1 : 20 : 5]] for fold in range(1, 6)}
    report = _evaluated(folder, PretendModels(held_out))
    # folders are read in the order of numbers, which is that of the names here; then come the marks
    assert KnowingExperts.asked[:20] == tuple((1 + number % 5,) for number in range(20))
    assert set(KnowingExperts.asked[20:48]) == {(1, 2, 3, 4, 5)}
    assert report.values["judged_by"] == {"held_out_fold": 20, "all_networks": 28}
    assert report.values["sets"]["held_out_fold"]["images"] == 20
    assert report.values["sets"]["all_networks"]["images"] == 28
    assert any("rest on a test or the four folds that a picture is not held out in" in note for note in report.notes)


def test_thresholds_are_those_that_were_fixed_without_the_picture(labelled):
    folder, digests = labelled
    never = [POINT.to_card() | {"threshold_youden": 9.0, "youden_resnet50": 9.0} for _ in range(5)]
    card = {"operating": POINT.to_card(), "operating_without": never}
    values = _evaluated(folder, PretendModels({1: list(digests.values())}, card)).values
    assert values["ensemble"]["sensitivity"] == values["resnet50"]["sensitivity"] == 0.0
    assert values["darknet19"]["sensitivity"] == 1.0
    assert values["sets"] is None


def test_without_each_networks_threshold_only_its_area_is_told(labelled):
    plain = {name: value for name, value in POINT.to_card().items() if not name.startswith("youden")}
    values = _evaluated(labelled[0], PretendModels(card={"operating": plain, "operating_without": [plain] * 5})).values
    assert values["resnet50"]["auc"] == 1.0
    assert values["resnet50"]["sensitivity"] is None
    assert values["ensemble"]["sensitivity"] == 1.0


def test_without_masks_nothing_is_said_of_outlines(labelled):
    folder, _ = labelled
    for file in (folder / "masks").iterdir():
        file.unlink()
    report = _evaluated(folder)
    assert report.values["segmentation"] is None
    assert report.values["activation_map"] is None
    assert report.values["ensemble"]["auc"] == 1.0
    assert any("no masks" in note for note in report.notes)


def test_pictures_of_one_kind_have_no_area_and_no_experiment(labelled):
    folder, digests = labelled
    rows = [(name, CLASSES[NORMAL]) for name in list(digests)[:9]]
    _write_labels(folder, rows)
    values = _evaluated(folder).values
    assert values["ensemble"]["auc"] is None
    assert values["lesion_vs_normal"]["auc"] is None
    assert values["marks"] is None
    assert values["segmentation"]["dice_mean"] is None
    assert values["segmentation"]["normal_ovaries"]["images"] == 9


def test_cleaning_is_told_of_pictures_that_did_not_teach_it(labelled, monkeypatch):
    folder, digests = labelled
    teratomas = [digest for number, digest in enumerate(digests.values()) if (number // 3) % 8 == 6]
    monkeypatch.setattr(PretendModels, "taught", tuple(teratomas))
    quality = _evaluated(folder).values["quality"]
    assert (quality["untaught_images"], quality["kept_of_untaught"]) == (42, 1.0)
    assert quality["kept"] == 42 / 48


def test_the_table_has_the_readers_side_by_side(labelled):
    rows = _evaluated(labelled[0]).rows
    head = next(row for row in rows if row["figure"] == "AUC")
    assert set(evaluation.READERS) <= set(head)
    assert any(row["figure"].startswith("map's maximum") for row in rows)
    assert any("nothing but the marks" in row["figure"] for row in rows)


def test_a_model_without_operating_points_is_refused(labelled):
    with pytest.raises(ModelError, match="operating_without"):
        _evaluated(labelled[0], PretendModels(card={"operating": POINT.to_card()}))


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"labels\.csv"):
        _evaluated(tmp_path)
