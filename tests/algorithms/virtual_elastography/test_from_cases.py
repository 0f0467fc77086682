"""Learning from cases: the loss asks for the confirmed score and for nothing else."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra train brings torch")

from algorithms.virtual_elastography.case_lessons import CaseLesson, case_sample, rounds  # noqa: E402
from algorithms.virtual_elastography.case_pictures import case_picture  # noqa: E402
from algorithms.virtual_elastography.colours import RAMP, coloured, softness_of  # noqa: E402
from algorithms.virtual_elastography.from_cases import (  # noqa: E402
    MARGIN,
    CaseBatch,
    _planes,
    entries_of,
    score_loss,
    softness,
    taught_by,
)
from algorithms.virtual_elastography.lessons import Lesson  # noqa: E402
from algorithms.virtual_elastography.losses import Batch  # noqa: E402
from algorithms.virtual_elastography.scoring import SCHEMES, scored  # noqa: E402
from dicom_node.algorithm import ModelInfo  # noqa: E402
from dicom_node.case import Case  # noqa: E402
from dicom_node.correction import Change, corrected  # noqa: E402

SIZE = 128
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE]
LESION = (ROWS - 64) ** 2 + (COLUMNS - 60) ** 2 < 30**2


def lesson(softness_map: np.ndarray) -> Lesson:
    """A picture in which everything shows, with a round lesion."""
    grey = np.random.default_rng(0).integers(60, 200, (SIZE, SIZE), np.uint8)
    kept = np.round(softness_map * 255).astype(np.uint8)
    full = np.full((SIZE, SIZE), 255, np.uint8)
    return Lesson(grey, kept, LESION.astype(np.uint8) * 255, full, 0)


def batch_of(softness_map: np.ndarray, scheme: str, score: int) -> CaseBatch:
    one = case_sample(CaseLesson(lesson(softness_map), SCHEMES[scheme], score), None)
    sample = one.sample
    cases = Batch(
        _planes([sample.canvas]),
        torch.tensor([[sample.style]]),
        torch.from_numpy(sample.elastogram[None]),
        _planes([sample.lesion]),
        _planes([sample.weight]),
    )
    return CaseBatch(cases, _planes([one.core]), _planes([one.around]), ((SCHEMES[scheme], score),), cases)


def with_hard_share(share: float) -> np.ndarray:
    """Softness 0.9, and 0.05 in this share of the lesion, from its left."""
    columns = np.sort(COLUMNS[LESION])
    edge = columns[min(len(columns) - 1, int(share * len(columns)))]
    return np.where(LESION & (edge > COLUMNS), 0.05, 0.9).astype(np.float32)


def test_softness_of_a_picture_is_that_of_its_colours_also_off_the_ramp():
    rgb = np.clip(RAMP.astype(int) + np.random.default_rng(1).integers(-40, 40, RAMP.shape), 0, 255).astype(np.uint8)
    picture = torch.from_numpy(rgb.T[None, :, None].astype(np.float32) / 255)
    np.testing.assert_allclose(softness(picture)[0, 0, 0].numpy(), softness_of(rgb[None])[0], atol=2 / 255)


@pytest.mark.parametrize("scheme", sorted(SCHEMES))
@pytest.mark.parametrize("share", [0.02, 0.35, 0.62, 0.95])
def test_the_loss_is_nothing_at_the_score_that_the_rule_gives_and_something_at_any_other(scheme, share):
    hard = with_hard_share(share)
    score = scored(np.uint8(np.where(hard < 1 / 3, 2, 0)), LESION, scheme).value
    made = torch.from_numpy(np.moveaxis(coloured(hard), 2, 0)[None].astype(np.float32) / 255)
    losses = {value: float(score_loss(made, batch_of(hard, scheme, value))) for value in SCHEMES[scheme].values}
    assert losses[score] < MARGIN
    assert min(losses, key=losses.get) == score
    assert all(losses[value] > losses[score] + 0.01 for value in losses if value != score)


def test_following_the_loss_leads_to_the_confirmed_score():
    start = torch.full((1, 1, SIZE, SIZE), 0.55)
    batch = batch_of(np.full((SIZE, SIZE), 0.55, np.float32), "thyroid_four_point", 4)
    place = start.clone().requires_grad_()
    optimiser = torch.optim.Adam([place], 0.05)
    corners = torch.tensor([[0.0, 0, 1], [0, 1, 1], [0, 1, 0], [1, 1, 0], [1, 0, 0]])

    def picture(values: torch.Tensor) -> torch.Tensor:
        where = values.clamp(0, 0.999) * 4
        low = where.floor().long()[0, 0]
        return (corners[low] + (where - where.floor())[0, 0, ..., None] * (corners[low + 1] - corners[low])).permute(
            2, 0, 1
        )[None]

    for _ in range(20):
        optimiser.zero_grad()
        score_loss(picture(place), batch).backward()
        optimiser.step()
    reached = place.detach()[0, 0].numpy()
    classes = np.uint8(np.where(reached < 1 / 3, 2, np.where(reached > 2 / 3, 0, 1)))
    assert scored(classes, LESION, "thyroid_four_point").value == 4
    outside = ~batch.around[0, 0].numpy().astype(bool) & ~LESION
    np.testing.assert_allclose(reached[outside], 0.55, atol=1e-6)


def test_a_case_is_never_shown_without_all_of_its_region():
    case = CaseLesson(lesson(with_hard_share(0.5)), SCHEMES["general"], 2)
    whole = case_sample(case, None).sample.lesion.mean()
    for seed in range(12):
        sample = case_sample(case, np.random.default_rng(seed)).sample
        edges = [sample.lesion[0], sample.lesion[-1], sample.lesion[:, 0], sample.lesion[:, -1]]
        assert max(float(edge.max()) for edge in edges) < 0.5
        assert sample.lesion.mean() > 0.5 * whole


def test_rounds_show_every_case_and_are_always_full():
    shown = list(rounds(7, 3, np.random.default_rng(0)))
    assert [len(one) for one in shown] == [3, 3, 3]
    assert set(np.concatenate(shown)) == set(range(7))


class InUse:
    """The models that a training starts from, without their weights."""

    def __init__(self, simulated_only: bool) -> None:
        names = ("generator", "region")
        self.infos = tuple(ModelInfo(name, "1.0", "a" * 64, simulated_only=simulated_only) for name in names)

    def card(self, name: str) -> dict:
        return {"inputs": "a picture", "licence": "as dicom-node", "data": "2400 pairs", "figures": {"ssim": 0.7}}


def a_case(us, name: str, confirmed=None, simulated: bool = True) -> Case:
    drafted = us.algorithm(finds=False).run(us.series_of(us.picture(us.disc()), BodyPartExamined="THYROID"))
    outcome = "rejected" if confirmed is None else "corrected"
    told = {"algorithm": "virtual_elastography", "version": "1", "models": (), "sources": (), "outcome": outcome}
    return Case(name, name, drafted=drafted, confirmed=confirmed, simulated=simulated, **told)


@pytest.mark.parametrize(
    ("models", "real", "still"), [(True, None, True), (True, "c", False), (True, "unused", True), (False, None, False)]
)
def test_what_learned_from_simulated_cases_alone_says_so(us, models, real, still):
    """One case of a patient among those that taught, or in the training before, and it has seen more."""
    cases = [a_case(us, name, simulated=name != real) for name in ("a", "b", "c", "unused")]
    taught = taught_by(cases, ["a", "b", "c"])
    entries = entries_of(InUse(simulated_only=models), taught)
    assert [(entry.name, entry.simulated_only) for entry in entries] == [("generator", still), ("region", still)]
    assert entries[0].version.startswith("1.0+3cases.")
    assert entries[0].data == f"2400 pairs; then 3 reviewed cases{', all of simulated images' * taught.simulated}"
    assert entries[0].figures == {}


def test_a_score_without_a_region_teaches_nothing(us):
    """It would be one of the whole picture, corners and all."""
    series = us.series_of(us.picture(us.disc()), BodyPartExamined="THYROID")
    drafted = us.algorithm(finds=False).run(series)
    scored_only = corrected(drafted, [Change("score", "3")]).result
    assert case_picture(a_case(us, "a", scored_only), lambda _: series) is None
    drawn = corrected(drafted, [Change("region", "125,85 175,85 175,135 125,135")]).result
    assert case_picture(a_case(us, "b", drawn), lambda _: series).score == 4
