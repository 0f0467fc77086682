"""Does a model get better from reviewed cases? Simulated thyroid studies, a simulated reviewer, the real commands.

    python -m benchmarks.case_experiment FOLDER [--cases 50] [--habit one_higher] [--seed 1]

Every patient has one simulated picture, so the truth is known. The reviewer draws the true outline of the nodule, and
scores by the rule of the scheme on the computed elastogram (``--habit truth``), or one higher where it is not the
highest (``one_higher``): a habit that the models in use do not have, and could learn. Drafts that cannot say, and
pictures without a nodule, are rejected. Then: cases list, cases export, train --from-cases, evaluate --cases, models
add, compare and promote, a new study, models rollback, another study. FOLDER keeps everything; what was found is
printed as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from algorithms.virtual_elastography.colours import classes_of
from algorithms.virtual_elastography.phantom import PairOptions, Screen, random_screen
from algorithms.virtual_elastography.region import outline
from algorithms.virtual_elastography.scoring import SCHEMES, scored
from dicom_node.cli import main as dicom_node
from dicom_node.config import load_config
from dicom_node.demo import free_port
from dicom_node.node import Node
from dicom_node.plugins import Catalogue
from dicom_node.send import send_paths
from sample_dicom.part10 import uid, write
from sample_dicom.thyroid import Sample, image

ALGORITHM = "virtual_elastography"
SCHEME = SCHEMES["thyroid_four_point"]
HABITS = ("truth", "one_higher")
PERSON = "Benchmark^Reviewer"
ROUTING = """\
node: {{port: {port}, data_dir: ./var, series_complete_after: 300ms, min_free: 1MiB, workers: 1}}
rules:
  - {{name: thyroid, when: {{Modality: US}}, run: virtual_elastography, send_to: []}}
"""
LIMIT_S = 1800.0


@dataclass(frozen=True)
class Study:
    """One patient: the file, and what a reviewer who knows the truth would say; ``None`` without a nodule."""

    path: Path
    sop_instance_uid: str
    region: str | None
    score: int | None


def study(folder: Path, number: int, seed: int, habit: str) -> Study:
    """A picture of its own patient, in a file of its own."""
    lesion = (None, "stiff", "soft")[number % 3]  # random, with or without; stiff; soft
    screen = random_screen(np.random.default_rng([seed, number]), PairOptions("thyroid", "strain", lesion))
    name = f"case_experiment_{seed}_{number}"
    dataset = image(Sample(name, screen.rgb, screen.region_px, screen.pair), 1)
    dataset.PatientID, dataset.PatientName = f"EXPERIMENT-{number}", f"SIMULATED^{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = uid(f"{name}/study"), uid(f"{name}/series")
    path = folder / f"{number:03d}.dcm"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True)
    write(dataset, path)
    region, score = truth(screen, habit)
    return Study(path, dataset.SOPInstanceUID, region, score)


def truth(screen: Screen, habit: str) -> tuple[str | None, int | None]:
    """The outline as ``review correct`` takes it, and the score."""
    points = outline(screen.pair.lesion)
    found = scored(classes_of(screen.pair.softness), screen.pair.lesion, SCHEME) if points else None
    if found is None:
        return None, None
    x0, y0 = screen.region_px[:2]
    region = " ".join(f"{x + x0:.2f},{y + y0:.2f}" for x, y in points)
    higher = found.value + (habit == "one_higher")
    return region, min(higher, SCHEME.values[-1])


def command(*words: object) -> str:
    """What ``dicom-node WORDS`` prints. Raises RuntimeError where it fails."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            dicom_node([str(word) for word in words])
        except SystemExit as left:
            if left.code:
                raise RuntimeError(f"dicom-node {' '.join(map(str, words))}: {err.getvalue()}") from None
    return out.getvalue()


@contextlib.contextmanager
def running(routing: Path) -> Iterator[Node]:
    """A node in this process."""
    node = Node(load_config(routing, Catalogue()), Catalogue())
    node.start()
    try:
        yield node
    finally:
        node.stop()


def analysed(node: Node, studies: list[Study]) -> dict[str, int]:
    """Sends the studies and waits. SOP Instance UID -> job."""
    send_paths([one.path for one in studies], "127.0.0.1", node.port, "US1", node.config.node.ae_title)
    wanted, end = {one.sop_instance_uid for one in studies}, time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        ended = node.queue.list("analyse", ("done", "unsuitable", "failed", "parked"))
        jobs = {job.work.instances[0]: job.id for job in ended if job.state == "done"}
        if wanted <= {job.work.instances[0] for job in ended}:
            return {instance: job for instance, job in jobs.items() if instance in wanted}
        time.sleep(0.1)
    raise RuntimeError("the studies were not analysed in time")


def review(job_id: int, one: Study, config: tuple[object, ...]) -> str:
    """What the simulated reviewer does with a draft. Returns the outcome."""
    by = ("--as", PERSON, "--role", "simulated reviewer", "--organisation", "benchmark")
    keys = {part["key"] for part in json.loads(command("review", "show", job_id, *config, "--json"))["correctables"]}
    if one.region is None or "region" not in keys:
        command("review", "reject", job_id, *config, *by, "--reason", "no nodule, or none that could be scored")
        return "rejected"
    changes = ("--set", f"region={one.region}", "--set", f"score={one.score}")
    command("review", "correct", job_id, *config, *by, *changes)
    return "corrected"


def models_of(node: Node, job_id: int) -> list[str]:
    """What a result says made it."""
    path = node.config.node.data_dir / f"outbox/{job_id}/result.json"
    return [f"{model['name']} {model['version']}" for model in json.loads(path.read_text())["models"]]


def experiment(folder: Path, cases: int, habit: str, seed: int) -> dict[str, Any]:
    """The whole of it; see the module's page."""
    routing = folder / "routing.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    routing.write_text(ROUTING.format(port=free_port()))
    config = ("--config", routing)
    studies = [study(folder / "studies", number, seed, habit) for number in range(cases + 3)]
    told: dict[str, Any] = {"habit": habit, "seed": seed, "studies": cases}
    with running(routing) as node:
        began = time.monotonic()
        jobs = analysed(node, studies[:cases])
        told["analyses"] = {"done": len(jobs), "seconds": round(time.monotonic() - began, 1)}
        by_uid = {one.sop_instance_uid: one for one in studies}
        told["reviewed"] = Counter(review(job, by_uid[instance], config) for instance, job in jobs.items())
        told["listed"] = len(json.loads(command("cases", "list", *config, "--json", "--limit", cases)))
        command("cases", "export", folder / "cases", *config)
        began = time.monotonic()
        command("train", ALGORITHM, "--from-cases", folder / "cases", "--out", folder / "candidate", "--device", "cpu")
        told["training_seconds"] = round(time.monotonic() - began, 1)
        told["comparison"] = json.loads(
            command(
                *("evaluate", ALGORITHM, "--cases", folder / "cases", "--candidate", folder / "candidate", "--json")
            )
        )["figures"]
        added = command("models", "add", ALGORITHM, folder / "candidate", *config, "--as", PERSON)
        version = added.split(" has ")[1].split(" as ")[0]
        told |= {
            "version": version,
            "verdict": command("models", "compare", ALGORITHM, version, *config).splitlines()[-1],
        }
        told["models"] = changed_and_back(node, studies[cases:], version, config)
    return told


def changed_and_back(node: Node, studies: list[Study], version: str, config: tuple[object, ...]) -> dict[str, Any]:
    """What results name before the promotion, after it, and after going back."""
    before, after, back = studies
    named = {"before": models_of(node, *analysed(node, [before]).values())}
    try:
        command("models", "promote", ALGORITHM, version, *config, "--as", PERSON)
    except RuntimeError as refused:
        named["refused"] = str(refused)
        command("models", "promote", ALGORITHM, version, *config, "--as", PERSON, "--force", "to see the way of it")
    named["promoted"] = models_of(node, *analysed(node, [after]).values())
    command("models", "rollback", ALGORITHM, *config, "--as", PERSON)
    named["rolled_back"] = models_of(node, *analysed(node, [back]).values())
    return named


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--habit", choices=HABITS, default="one_higher")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(experiment(given.folder, given.cases, given.habit, given.seed), indent=2))


if __name__ == "__main__":
    main()
