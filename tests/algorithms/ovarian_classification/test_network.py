"""The networks: the document's depth, what they give, activation maps that add up to the logits."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
from torch import nn  # noqa: E402

from algorithms.ovarian_classification.canvas import CANVAS_PX, CROP_PX  # noqa: E402
from algorithms.ovarian_classification.classes import CLASSES  # noqa: E402
from algorithms.ovarian_classification.network import Segmenter, class_evidence, darknet19, lesion_logit, resnet50  # noqa: E402
from algorithms.ovarian_classification.traits import TRAITS  # noqa: E402


@pytest.fixture(scope="module", params=[resnet50, darknet19])
def expert(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return request.param().eval()


def _convolutions(network):
    """Projections of the shortcuts do not count (He et al. 2016, table 1)."""
    return [
        name
        for name, module in network.features.named_modules()
        if isinstance(module, nn.Conv2d) and "downsample" not in name
    ]


def test_resnet_has_fifty_layers():
    """49 convolutions and the classifier."""
    assert len(_convolutions(resnet50())) + 1 == 50


def test_darknet_has_nineteen_layers():
    """18 convolutions (Redmon & Farhadi 2017, table 6) and the classifier in place of the nineteenth."""
    assert len(_convolutions(darknet19())) + 1 == 19


def test_what_an_expert_gives(expert):
    with torch.no_grad():
        logits, maps, traits = expert(torch.zeros(2, 2, CROP_PX, CROP_PX))
    assert logits.shape == (2, len(CLASSES))
    assert maps.shape[:2] == (2, len(CLASSES))
    assert traits.shape == (2, len(TRAITS))


def test_the_map_averages_to_the_logit(expert):
    """The mean of a class's map is its logit less the bias (Zhou et al. 2016, equation 2)."""
    torch.manual_seed(1)
    crop = torch.randn(2, 2, CROP_PX, CROP_PX)
    crop[:, 1] = torch.rand(2, CROP_PX, CROP_PX)
    with torch.no_grad():
        logits, maps, _ = expert(crop)
    torch.testing.assert_close(maps.mean(dim=(2, 3)) + expert.classify.bias, logits, rtol=1e-4, atol=1e-4)


def test_the_map_of_resnet_is_fine_enough_to_point():
    with torch.no_grad():
        maps = resnet50().eval()(torch.zeros(1, 2, CROP_PX, CROP_PX))[1]
    assert min(maps.shape[2:]) >= 7


def test_only_the_lesion_counts_where_one_was_found(expert):
    """Places outside count a fiftieth; where none was found, all count alike."""
    crop = torch.rand(2, 2, CROP_PX, CROP_PX, generator=torch.Generator().manual_seed(2))
    crop[0, 1] = 0.0
    crop[1, 1] = 0.0
    crop[1, 1, : CROP_PX // 2, : CROP_PX // 2] = 1.0
    with torch.no_grad():
        features = expert.features(crop)
        maps = expert(crop)[1]
        plain = torch.einsum("nchw,kc->nkhw", features, expert.classify.weight)
    torch.testing.assert_close(maps[0], plain[0], rtol=1e-4, atol=1e-4)
    counts = (maps[1] / plain[1]).mean(dim=0)
    assert float(counts[-1, -1] / counts[0, 0]) == pytest.approx(0.02 / 1.02, rel=1e-3)


def test_the_segmenter_keeps_the_size():
    with torch.no_grad():
        logits = Segmenter().eval()(torch.zeros(1, 1, CANVAS_PX, CANVAS_PX))
    assert logits.shape == (1, 1 + len(CLASSES), CANVAS_PX, CANVAS_PX)
    assert lesion_logit(logits).shape == (1, 1, CANVAS_PX, CANVAS_PX)


def test_the_logit_of_a_lesion_is_that_of_any_class():
    logits = torch.randn(2, 1 + len(CLASSES), 4, 4, generator=torch.Generator().manual_seed(3))
    wanted = logits.softmax(dim=1)[:, 1:].sum(dim=1, keepdim=True)
    torch.testing.assert_close(torch.sigmoid(lesion_logit(logits)), wanted)


def test_the_classes_of_the_whole_picture_are_shares_of_what_is_found():
    logits = torch.full((1, 1 + len(CLASSES), 10, 10), -20.0)
    logits[:, 0] = 20.0
    logits[:, 0, :2], logits[:, 4, :2] = -20.0, 20.0  # two rows of one class, one of another
    logits[:, 0, 5], logits[:, 2, 5] = -20.0, 20.0
    found = class_evidence(logits)[0]
    assert found[3] == pytest.approx(2 / 3)
    assert found[1] == pytest.approx(1 / 3)


def test_their_files_stay_small():
    """A byte for each weight, fifteen files."""
    sizes = [sum(p.numel() for p in network().parameters()) for network in (resnet50, darknet19, Segmenter)]
    assert max(sizes) < 25e6
    assert 5 * sum(sizes) < 60e6
