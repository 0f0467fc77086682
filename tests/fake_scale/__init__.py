"""An algorithm with a model that learns from cases in a moment: score = mean of the pixels times a factor.

Its one model is an ONNX file that multiplies. From cases it learns the factor at which its scores are the confirmed
ones; whatever a person's rule is, a test knows the factor beforehand.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from dicom_node.algorithm import AlgorithmInfo, AlgorithmOptions, Models, Progress, silent
from dicom_node.codes import NO_UNITS, local
from dicom_node.result import AnalysisResult, Measurement, MeasurementGroup
from dicom_node.series import Series


class Options(AlgorithmOptions):
    """Nothing to set."""


class Scale:
    """Drafts a score for a person to confirm."""

    def __init__(self, models: Models) -> None:
        self._model = models.open("scale")

    @property
    def info(self) -> AlgorithmInfo:
        return AlgorithmInfo("fake_scale", "1.0", "Scaled mean (for tests)", models=(self._model.info,))

    def score(self, series: Series) -> tuple[float, float]:
        """Mean of the pixels, and the score that the model gives it."""
        mean = float(np.mean([np.mean(volume.read()) for volume in series.volumes]))
        (score,) = self._model.run({"mean": np.array([mean], np.float32)})["score"]
        return mean, float(score)

    def run(self, series: Series, progress: Progress = silent) -> AnalysisResult:
        mean, score = self.score(series)
        measured = Measurement(local("SCORE", "Score"), score, NO_UNITS, key="score", limits=(0.0, 10_000.0))
        group = MeasurementGroup(
            "picture", local("TEST", "Test finding"), (series.frames[0].ref,), measurements=(measured,)
        )
        return AnalysisResult({"mean": mean, "score": score}, groups=(group,), requires_review=True)


def create(options: Options, models: Models) -> Scale:
    return Scale(models)


def write_model(folder: Path, factor: float, version: str) -> None:
    """``model.toml`` and the file that multiplies by ``factor``."""
    from onnx import TensorProto, checker, helper

    folder.mkdir(parents=True, exist_ok=True)
    graph = helper.make_graph(
        [helper.make_node("Mul", ["mean", "factor"], ["score"])],
        "scale",
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, [None])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None])],
        [helper.make_tensor("factor", TensorProto.FLOAT, [1], [factor])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    checker.check_model(model)
    content = model.SerializeToString(deterministic=True)
    (folder / "scale.onnx").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    (folder / "model.toml").write_text(
        f'[[model]]\nname = "scale"\nversion = "{version}"\nfile = "scale.onnx"\nsha256 = "{sha256}"\n'
    )


def install(folder: Path) -> Path:
    """A copy of this package with a model of factor 1, known to whoever has ``folder`` on its ``sys.path``."""
    package = folder / "fake_scale"
    package.mkdir(parents=True)
    for source in Path(__file__).parent.glob("*.py"):
        (package / source.name).write_text(source.read_text())
    write_model(package, 1.0, "1.0")
    metadata = folder / "dicom_node_fake_scale-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: dicom-node-fake-scale\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[dicom_node.algorithms]\nfake_scale = fake_scale\n")
    return folder
