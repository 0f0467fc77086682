"""export: what the file computes is what torch computes, at half the size, for any batch and picture."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from algorithms.training.export import ParityError, Storage, export  # noqa: E402
from dicom_node.errors import ModelError  # noqa: E402

FREE = {"image": {2: "rows", 3: "columns"}}


class Net(nn.Module):
    """What our networks are made of: residual, batch normalisation, bilinear and learned upsampling, a vector."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.down = nn.Sequential(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.same = nn.Sequential(
            nn.Conv2d(32, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.Conv2d(64, 32, 3, padding=1)
        )
        self.up = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.mask = nn.Conv2d(32, 2, 1)
        self.indices = nn.Linear(32, 11)

    def forward(self, image):
        first = self.first(image)
        deep = self.down(first)
        deep = functional.relu(deep + self.same(deep))
        mask = self.mask(torch.cat([self.up(deep), first], 1))
        coarse = functional.interpolate(deep, size=first.shape[-2:], mode="bilinear", align_corners=False)
        return mask + self.mask(coarse), self.indices(deep.mean((2, 3)))


@pytest.fixture(scope="module")
def network():
    """With statistics of normalisation that are not the starting ones."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Net()
        for _ in range(20):
            net(3 + 2 * torch.randn(4, 1, 32, 32))
        return net


@pytest.fixture(scope="module")
def image():
    return 3 + 2 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def exported(tmp_path_factory, network, image):
    """(folder with byte.onnx, half.onnx and full.onnx, parity of each)."""
    folder = tmp_path_factory.mktemp("exported")
    parities = {
        storage.name.lower(): export(
            network,
            {"image": image},
            ["mask", "indices"],
            folder / f"{storage.name.lower()}.onnx",
            storage,
            tolerance=0.05,
            free_axes=FREE,
        )
        for storage in Storage
    }
    return folder, parities


def test_the_file_computes_what_torch_computes(exported, network):
    folder, _ = exported
    session = onnxruntime.InferenceSession(folder / "half.onnx", providers=["CPUExecutionProvider"])
    assert [value.shape[0] for value in session.get_inputs()] == ["batch"]
    network.eval()
    for shape in ((1, 1, 32, 32), (5, 1, 48, 64)):
        image = 3 + 2 * torch.randn(shape, generator=torch.Generator().manual_seed(2))
        with torch.no_grad():
            mask, indices = (value.numpy() for value in network(image))
        ours = session.run(["mask", "indices"], {"image": image.numpy()})
        assert [value.dtype for value in ours] == [np.float32, np.float32]
        assert np.abs(ours[0] - mask).max() < 2e-3
        assert np.abs(ours[1] - indices).max() < 2e-3


def test_float16_storage_halves_the_file_and_costs_little(exported):
    folder, parities = exported
    weights = sum(np.prod(t.dims) * 4 for t in onnx.load(folder / "full.onnx").graph.initializer if t.data_type == 1)
    saved = (folder / "full.onnx").stat().st_size - (folder / "half.onnx").stat().st_size
    assert 0.46 * weights < saved < 0.5 * weights
    assert parities["full"].max_relative < 1e-5
    assert 1e-5 < parities["half"].max_relative < 2e-3  # a mantissa of 11 bits: 2.4e-4 for each weight
    assert parities["half"].max_abs > parities["full"].max_abs


def test_a_byte_for_each_weight_of_a_convolution(exported):
    folder, parities = exported
    stored = onnx.load(folder / "byte.onnx").graph
    kernels = [tensor for tensor in stored.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert sorted(list(tensor.dims) for tensor in kernels) == [
        [32, 64, 3, 3],
        [64, 32, 3, 3],
    ]  # the small ones stay as they are
    saved = (folder / "half.onnx").stat().st_size - (folder / "byte.onnx").stat().st_size
    weights = sum(int(np.prod(tensor.dims)) for tensor in kernels)
    assert 0.8 * weights < saved < weights
    assert parities["half"].max_relative < parities["byte"].max_relative < 0.03  # a step is 1/127 of the largest weight


class Uneven(nn.Module):
    """As many channels as make their scales a large tensor; one of them a million times weaker than the others."""

    def __init__(self):
        super().__init__()
        self.spread = nn.Conv2d(4, 512, 3, bias=False)
        with torch.no_grad():
            self.spread.weight[5] *= 1e-6

    def forward(self, x):
        return self.spread(x)


def test_each_channel_has_a_scale_of_its_own_and_whole(tmp_path):
    network = Uneven()
    export(network, {"x": torch.randn(2, 4, 8, 8)}, ["y"], tmp_path / "uneven.onnx", Storage.BYTE, tolerance=0.05)
    tensors = onnx.load(tmp_path / "uneven.onnx").graph.initializer
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in tensors}
    name = next(name for name in stored if name.endswith(".byte"))
    scale = stored[name.replace(".byte", ".scale")]
    assert scale.dtype == np.float32
    real = network.spread.weight.detach().numpy()
    apart = np.abs(stored[name] * scale - real).max(axis=(1, 2, 3)) / np.abs(real).max(axis=(1, 2, 3))
    assert apart.max() <= 0.5 / 127 + 1e-6


@pytest.mark.parametrize("kind", ["half", "byte"])
def test_onnx_runtime_computes_in_float32_without_casts(exported, tmp_path, kind):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    onnxruntime.InferenceSession(exported[0] / f"{kind}.onnx", options, providers=["CPUExecutionProvider"])
    stored = onnx.load(exported[0] / f"{kind}.onnx").graph
    opened = onnx.load(tmp_path / "optimised.onnx").graph
    assert "Cast" in {node.op_type for node in stored.node}
    assert not {"Cast", "Mul"} & {node.op_type for node in opened.node}
    assert {tensor.data_type for tensor in opened.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}


def test_the_same_weights_give_the_same_bytes_and_nothing_of_this_machine(exported, network, image, tmp_path):
    again = tmp_path / "again.onnx"
    network.train()
    export(network, {"image": image}, ["mask", "indices"], again, free_axes=FREE)
    assert network.training
    content = again.read_bytes()
    assert content == (exported[0] / "half.onnx").read_bytes()
    assert b".py" not in content
    assert b"stack_trace" not in content


class Wide(nn.Module):
    """One large weight that float16 does not hold."""

    def __init__(self, factor=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((32, 32), factor))

    def forward(self, x):
        return x @ self.weight


def test_weights_beyond_float16_stay_float32(tmp_path):
    parity = export(Wide(1e6), {"x": torch.randn(2, 32)}, ["y"], tmp_path / "wide.onnx")
    assert parity.max_relative < 1e-5
    assert [t.data_type for t in onnx.load(tmp_path / "wide.onnx").graph.initializer] == [onnx.TensorProto.FLOAT]


def test_a_file_over_the_tolerance_is_refused_and_not_written(tmp_path):
    with pytest.raises(ParityError, match=r"bad\.onnx differs from torch by .* allowed are 1e-09"):
        export(Wide(1 / 3), {"x": torch.randn(2, 32)}, ["y"], tmp_path / "bad.onnx", tolerance=1e-9)
    assert not list(tmp_path.iterdir())


def test_outputs_that_are_no_numbers_are_refused(tmp_path):
    with pytest.raises(ParityError, match="differs from torch by inf"):
        export(Wide(float("nan")), {"x": torch.randn(2, 32)}, ["y"], tmp_path / "nan.onnx")


class Fixed(nn.Module):
    def forward(self, x):
        return x * int(x.shape[0] == 2)


def test_a_network_that_is_made_for_one_size_of_batch_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"torch cannot export Fixed; .* every batch size"):
        export(Fixed(), {"x": torch.randn(2, 8)}, ["y"], tmp_path / "fixed.onnx")


def test_the_exporter_says_nothing(tmp_path, capfd, recwarn):
    export(Wide(), {"x": torch.randn(2, 32)}, ["y"], tmp_path / "wide.onnx")
    assert capfd.readouterr() == ("", "")
    assert not recwarn.list
