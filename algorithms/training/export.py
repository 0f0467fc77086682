"""A trained network as an ONNX file that ONNX Runtime runs, checked against torch.

Weights are stored as float16, which halves the file, or the convolutions' as one byte each with a scale for every
output channel; a Cast to float32 stands behind each, so all computation stays float32. ONNX Runtime folds these casts
when it opens the file (constant folding, on by default), so that they cost nothing afterwards. (DequantizeLinear would
say the same, and would not be folded.) Parity is judged on the file as written, against torch in float32: it tells what
storage costs.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from algorithms.training.quiet import quiet_exporters
from algorithms.training.run import write_atomically
from dicom_node.errors import ModelError

OPSET = 20
SMALL = 512
"""Tensors of fewer values (biases, normalisation) stay float32: they weigh nothing."""
HALF_MAX = float(np.finfo(np.float16).max)
BATCH = "batch"
TOLERANCE = 0.01


class Storage(Enum):
    """How weights lie in the file. BYTE is for convolutions; what else is large is stored as HALF with it."""

    FULL = "float32"
    HALF = "float16"
    BYTE = "int8"


BYTE_MAX = 127
BYTES_FROM = 16384
"""Values: smaller kernels stay float16 with BYTE, too. They weigh little, and the early ones, through which everything
goes, cost most: in bytes they tripled the error of a ResNet-50 of half width."""


class ParityError(ModelError):
    """The ONNX file does not compute what the network computes."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the file is from torch in float32, the worst of all outputs and inputs tried.

    ``max_abs`` is in the unit of the outputs; ``max_relative`` is against the largest value of the same output.
    """

    max_abs: float
    max_relative: float


def export(
    network: nn.Module,
    examples: Mapping[str, Tensor],
    outputs: Sequence[str],
    file: Path,
    storage: Storage = Storage.HALF,
    tolerance: float = TOLERANCE,
    free_axes: Mapping[str, Mapping[int, str]] | None = None,
) -> Parity:
    """Writes ``file`` and checks it; the size of the batch (axis 0 of every input) is free.

    Args:
        network: on any device, in any mode; it is exported in eval mode and left as it is.
        examples: input by the name of ``forward``'s argument, with a batch axis.
        outputs: names of what ``forward`` returns, in order.
        storage: of the weights.
        tolerance: of ``Parity.max_relative``.
        free_axes: further axes whose size is free: {"image": {2: "rows", 3: "columns"}}. They must work at double
            the example's size, too.

    Raises:
        ParityError: a difference over the tolerance, or an output that is no number.
        ModelError: torch cannot express the network in ONNX, or takes a free axis for a constant.
    """
    network = copy.deepcopy(network).cpu().float().eval().requires_grad_(False)
    # torch takes a size of 1 for a constant, so there are two of each
    examples = {
        name: _doubled(value.detach().cpu(), 0) if len(value) == 1 else value.detach().cpu()
        for name, value in examples.items()
    }
    axes = {name: {0: BATCH, **(free_axes or {}).get(name, {})} for name in examples}
    model = _traced(network, examples, outputs, axes)
    _strip(model)
    scales = _store_as_bytes(model) if storage is Storage.BYTE else frozenset()
    if storage is not Storage.FULL:
        _store_as_half(model, scales)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    parity = _compare(network, content, _trials(examples, axes), outputs)
    if not parity.max_relative <= tolerance:
        raise ParityError(
            f"{file.name} differs from torch by {parity.max_abs:.3g}, {parity.max_relative:.3g} of the largest output; "
            f"allowed are {tolerance:g}: the file was not written"
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content)
    return parity


def _traced(
    network: nn.Module, examples: Mapping[str, Tensor], outputs: Sequence[str], axes: Mapping[str, Mapping[int, str]]
) -> onnx.ModelProto:
    try:
        with quiet_exporters(), torch.no_grad():
            program = torch.onnx.export(
                network,
                (),
                kwargs=dict(examples),
                output_names=list(outputs),
                dynamic_shapes=axes,
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            return program.model_proto
    except torch.onnx.OnnxExporterError as error:
        raise ModelError(
            f"torch cannot export {type(network).__name__}; forward must work for every batch size, and on "
            f"{', '.join(dict.fromkeys(name for free in axes.values() for name in free.values()))} of any size "
            f"(x.shape[0] in reshape is fine, int(x.shape[0]) is not): {error.__cause__ or error}"
        ) from error


def _strip(model: onnx.ModelProto) -> None:
    """Without what torch notes about the source code: it names paths of this machine and changes with them."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = ""
    for part in (*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output):
        part.doc_string = ""
        del part.metadata_props[:]


def _store_as_half(model: onnx.ModelProto, kept: frozenset[str]) -> None:
    """Large float32 tensors as float16 with a Cast under the old name; not ``kept``, nor what float16 cannot hold."""
    graph, casts = model.graph, []
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) < SMALL or tensor.name in kept:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > HALF_MAX:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(onnx.helper.make_node("Cast", [stored], [name], f"{name}.cast", to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _store_as_bytes(model: onnx.ModelProto) -> frozenset[str]:
    """Large kernels of convolutions as int8, a scale each output channel, with Cast and Mul under the old name.

    Returns:
        The names of the scales.
    """
    graph, restoring = model.graph, []
    kernels = {node.input[1] for node in graph.node if node.op_type == "Conv"}
    scales = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name not in kernels or values.size < BYTES_FROM:
            continue
        highest = np.abs(values).max(axis=tuple(range(1, values.ndim)), keepdims=True)
        scale = (np.maximum(highest, np.finfo(np.float32).tiny) / BYTE_MAX).astype(np.float32)
        name = tensor.name
        stored, cast, scaled = f"{name}.byte", f"{name}.whole", f"{name}.scale"
        tensor.CopyFrom(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), stored))
        scales.append(numpy_helper.from_array(scale, scaled))
        restoring.append(onnx.helper.make_node("Cast", [stored], [cast], f"{name}.cast", to=onnx.TensorProto.FLOAT))
        restoring.append(onnx.helper.make_node("Mul", [cast, scaled], [name], f"{name}.restore"))
    graph.initializer.extend(scales)
    nodes = [*restoring, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return frozenset(scale.name for scale in scales)


def _trials(examples: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]]) -> Iterator[dict[str, Tensor]]:
    """The examples, noise of their kind in batches of one and three, and twice the size along the free axes."""
    rng = torch.Generator().manual_seed(0)
    yield dict(examples)
    for count in (1, 3):
        yield {name: _noise_like(value, count, rng) for name, value in examples.items()}
    if any(len(free) > 1 for free in axes.values()):
        larger = dict(examples)
        for name, free in axes.items():
            for axis in set(free) - {0}:
                larger[name] = _doubled(larger[name], axis)
        yield larger


def _noise_like(value: Tensor, count: int, rng: torch.Generator) -> Tensor:
    """Floats of the same mean and deviation; of other types, the example's values in another order."""
    shape = (count, *value.shape[1:])
    if value.is_floating_point():
        return value.mean() + value.std(correction=0) * torch.randn(shape, generator=rng, dtype=value.dtype)
    drawn = torch.randint(value.numel(), (int(np.prod(shape)),), generator=rng)
    return value.flatten()[drawn].reshape(shape)


def _doubled(value: Tensor, axis: int) -> Tensor:
    return torch.cat([value, value], axis)


def _compare(network: nn.Module, content: bytes, trials: Iterator[dict[str, Tensor]], outputs: Sequence[str]) -> Parity:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    worst_abs = worst_relative = 0.0
    for inputs in trials:
        with torch.no_grad():
            wanted = network(**inputs)
        wanted = [wanted] if isinstance(wanted, Tensor) else list(wanted)
        found = session.run(list(outputs), {name: value.numpy() for name, value in inputs.items()})
        for right, ours in zip(wanted, found, strict=True):
            difference, scale = _difference(right.numpy(), ours)
            worst_abs = max(worst_abs, difference)
            worst_relative = max(worst_relative, difference / scale if scale else difference)
    return Parity(worst_abs, worst_relative)


def _difference(right: NDArray, ours: NDArray) -> tuple[float, float]:
    """Largest difference and largest value; infinite where one of the two is no number."""
    right, ours = right.astype(np.float64), ours.astype(np.float64)
    if right.shape != ours.shape or not (np.isfinite(right).all() and np.isfinite(ours).all()):
        return np.inf, 1.0
    return float(np.abs(right - ours).max(initial=0)), float(np.abs(right).max(initial=0))
