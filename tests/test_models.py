"""Models are those of the manifest or are refused; half-precision weights give what the arithmetic says."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dicom_node.errors import ModelError
from dicom_node.models import ModelFolder, has_cuda_device, read_manifest

WEIGHTS = np.array([[1.0, -2.0], [0.5, 4.0]], np.float16)  # exact in half precision


def _onnx(io_type: int) -> bytes:
    """y = x @ WEIGHTS, the weights stored as float16; float32 graphs cast them, as the export does."""
    nodes, weights = [], "w"
    if io_type == TensorProto.FLOAT:
        nodes.append(helper.make_node("Cast", ["w"], ["w32"], to=TensorProto.FLOAT))
        weights = "w32"
    nodes.append(helper.make_node("MatMul", ["x", weights], ["y"]))
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", io_type, [None, 2])],
        [helper.make_tensor_value_info("y", io_type, [None, 2])],
        [numpy_helper.from_array(WEIGHTS, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _folder(path, content: bytes, sha256: str | None = None, more: str = ""):
    (path / "tiny.onnx").write_bytes(content)
    (path / "model.toml").write_text(
        '[[model]]\nname = "tiny"\nversion = "1.2"\nfile = "tiny.onnx"\n'
        f'sha256 = "{sha256 or hashlib.sha256(content).hexdigest()}"\n{more}'
    )
    return ModelFolder(path, threads=1)


@pytest.mark.parametrize("io_type", [TensorProto.FLOAT, TensorProto.FLOAT16])
def test_half_precision_weights_answer_in_float32(tmp_path, io_type):
    model = _folder(tmp_path, _onnx(io_type)).open("tiny")
    answer = model.run({"x": np.array([[2.0, 10.0]])})["y"]  # float64 in: converted
    assert answer.dtype == np.float32
    np.testing.assert_array_equal(answer, [[7.0, 36.0]])  # 2*1+10*0.5, 2*-2+10*4


def test_a_model_is_opened_once_and_named_as_the_manifest_says(tmp_path):
    content = _onnx(TensorProto.FLOAT)
    models = _folder(tmp_path, content, more='simulated_only = true\ncard = {data = "phantom"}\n')
    model = models.open("tiny")
    assert models.open("tiny") is model
    assert models.infos == (model.info,)
    assert (model.info.name, model.info.version, model.info.simulated_only) == ("tiny", "1.2", True)
    assert model.info.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.skipif(has_cuda_device(), reason="there is a GPU")
def test_without_a_gpu_it_runs_on_the_cpu(tmp_path):
    assert _folder(tmp_path, _onnx(TensorProto.FLOAT)).open("tiny").provider == "CPUExecutionProvider"


def test_other_weights_than_the_manifests_are_refused(tmp_path):
    models = _folder(tmp_path, _onnx(TensorProto.FLOAT), sha256="0" * 64)
    with pytest.raises(ModelError, match=r"sha256 .* but model.toml says 000"):
        models.open("tiny")


def test_missing_weights_and_unknown_names_are_named(tmp_path):
    models = _folder(tmp_path, _onnx(TensorProto.FLOAT))
    (tmp_path / "tiny.onnx").unlink()
    with pytest.raises(ModelError, match=r"tiny.onnx .* cannot be read"):
        models.open("tiny")
    with pytest.raises(ModelError, match=r"no model 'large' .* it has tiny"):
        models.open("large")


def test_a_file_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no ONNX model"):
        _folder(tmp_path, b"not a model").open("tiny")


def test_wrong_inputs_are_refused(tmp_path):
    model = _folder(tmp_path, _onnx(TensorProto.FLOAT)).open("tiny")
    with pytest.raises(ModelError, match="takes x; got z"):
        model.run({"z": np.zeros((1, 2))})
    with pytest.raises(ModelError, match=r"failed on x \(1, 3\)"):
        model.run({"x": np.zeros((1, 3))})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[model", "no TOML"),
        ("", "model: Field required"),
        ('[[model]]\nname = "a"\nversion = "1"\nfile = "../a.onnx"\nsha256 = "' + "0" * 64 + '"', "lies beside"),
        ('[[model]]\nname = "a"\nversion = "1"\nfile = "a.onnx"\nsha256 = "12"', "model.0.sha256"),
        (('[[model]]\nname = "a"\nversion = "1"\nfile = "a.onnx"\nsha256 = "' + "0" * 64 + '"\n') * 2, "twice"),
    ],
)
def test_a_manifest_that_does_not_hold_is_told(tmp_path, text, message):
    path = tmp_path / "model.toml"
    path.write_text(text)
    with pytest.raises(ModelError, match=message):
        read_manifest(path)


def test_no_manifest(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_manifest(tmp_path / "model.toml")


def test_the_card_of_a_model_is_at_hand_without_its_weights(tmp_path):
    models = _folder(tmp_path, b"not opened", more='card = {data = "phantom", folds = {P1 = 3}}\n')
    assert models.card("tiny") == {"data": "phantom", "folds": {"P1": 3}}
    with pytest.raises(ModelError, match="no model 'other'"):
        models.card("other")


def test_a_device_can_be_asked_for(tmp_path):
    content = _onnx(TensorProto.FLOAT)
    _folder(tmp_path, content)
    assert ModelFolder(tmp_path, 1, "cpu").open("tiny").provider == "CPUExecutionProvider"
    if has_cuda_device():
        assert ModelFolder(tmp_path, 1, "cuda").open("tiny").provider == "CUDAExecutionProvider"
    else:
        with pytest.raises(ModelError, match="ONNX Runtime finds no GPU here"):
            ModelFolder(tmp_path, 1, "cuda").open("tiny")
