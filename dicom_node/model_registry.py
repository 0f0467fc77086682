"""Sets of models beside those that come with an algorithm: kept, promoted by a person, rolled back, run in the shadow.

    data_dir/models/<algorithm>/<version>/    model.toml and the files that it names, as they were added
    model_acts                                who did what, when and why; never changed

Which set is in use follows from the acts (model_acts.py).
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from dicom_node import job_rows
from dicom_node.algorithm import ModelInfo
from dicom_node.comparison import Comparison
from dicom_node.database import Database
from dicom_node.errors import ModelError, UsageError
from dicom_node.model_acts import (
    ACTS_OF,
    OWN,
    Act,
    ModelAct,
    acts_of_rows,
    in_the_shadow,
    in_use,
    note,
    promotions,
    shadows,
)
from dicom_node.models import MANIFEST, read_manifest
from dicom_node.storage import sync_tree

OWN_IN_WORDS = "built-in"
MODELS = "models"
CARD = "model_card.md"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", re.ASCII)

State = Literal["candidate", "current", "retired"]


@dataclass(frozen=True, slots=True)
class ModelSet:
    """One row of ``model_sets`` with what became of it."""

    algorithm: str
    version: str
    folder: str
    sha256: str
    models: tuple[ModelInfo, ...]
    origin: str
    added_s: float
    state: State
    shadow: bool


class ModelRegistry:
    """The sets of models of one node."""

    def __init__(self, database: Database, data_dir: Path, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._data_dir = data_dir
        self._clock = clock
        self._checked: set[tuple[str, str]] = set()

    # Reading

    def in_use(self, algorithm: str) -> str:
        """As the function of that name, outside of a transaction."""
        return promotions(self.acts(algorithm))[-1]

    def acts(self, algorithm: str) -> tuple[ModelAct, ...]:
        """Everything that was done with models of the algorithm, oldest first."""
        return acts_of_rows(self._database.query(ACTS_OF, (algorithm,)))

    def sets(self, algorithm: str | None = None) -> tuple[ModelSet, ...]:
        """The sets of one algorithm, or of all, oldest first."""
        test, values = ("WHERE algorithm = ?", (algorithm,)) if algorithm else ("", ())
        rows = self._database.query(f"SELECT * FROM model_sets {test} ORDER BY algorithm, added_s, rowid", values)
        acts = {name: self.acts(name) for name in {row["algorithm"] for row in rows}}
        return tuple(_set_of(row, acts[row["algorithm"]]) for row in rows)

    def get(self, algorithm: str, version: str) -> ModelSet:
        """One set. Raises UsageError where there is none of that version."""
        sets = self.sets(algorithm)
        for found in sets:
            if found.version == version:
                return found
        there = ", ".join(found.version for found in sets) or "none"
        raise UsageError(f"{algorithm} has no models {version!r} here; there are: {there} (dicom-node models list)")

    def folder_of(self, algorithm: str, version: str) -> Path | None:
        """Where the models lie, checked once against what was added; ``None`` for those that come with the algorithm.

        Raises:
            ModelError: the folder is gone, or not what was added.
        """
        if version == OWN:
            return None
        found = self.get(algorithm, version)
        folder = self._data_dir / found.folder
        if (algorithm, version) not in self._checked:
            if digest_of(folder) != found.sha256:
                raise ModelError(
                    f"the models {version} of {algorithm} in {found.folder} are no longer those that were added: put "
                    f"the folder back, or go back to the models before: dicom-node models rollback {algorithm}"
                )
            self._checked.add((algorithm, version))
        return folder

    # What a person does

    def add(self, algorithm: str, source: Path, person: str, version: str = "", origin: str = "") -> ModelSet:
        """Takes a folder of models in, as a candidate.

        Args:
            version: its name here; without, the version that its manifest gives to all of its models.

        Raises:
            UsageError: no name for it, or the name belongs to other models.
            ModelError: the folder has no whole set of models.
        """
        sha256 = digest_of(source)
        infos = tuple(entry.info for entry in read_manifest(source / MANIFEST).values())
        version = version or _common_version(infos)
        if not _VERSION.fullmatch(version) or version == OWN_IN_WORDS:
            raise UsageError(f"{version!r} is no name for a set of models: letters, digits and . _ + - ; not built-in")
        known = [found for found in self.sets(algorithm) if found.version == version]
        if known:
            if known[0].sha256 == sha256:
                return known[0]
            raise UsageError(
                f"{algorithm} has other models named {version} already: give these another name by --version"
            )
        folder = self._copied(source, Path(MODELS) / algorithm / version)
        now = self._clock()
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO model_sets (algorithm, version, folder, sha256, models, origin, added_s) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (algorithm, version, str(folder), sha256, json.dumps([asdict(i) for i in infos]), origin, now),
            )
            self._note(connection, algorithm, version, "added", person, origin)
        return self.get(algorithm, version)

    def promote(self, algorithm: str, version: str, person: str, force_reason: str = "") -> ModelSet:
        """New jobs of the algorithm, and those that still wait, run with these models.

        Raises:
            UsageError: it is in use already; or no comparison shows that it beats the models in use, and no
                ``force_reason`` says why it is wanted all the same.
            ModelError: its folder is not what was added.
        """
        self.get(algorithm, version)
        self.folder_of(algorithm, version)
        with self._database.transaction() as connection:
            current = in_use(connection, algorithm)
            if current == version:
                raise UsageError(f"{algorithm} uses {version} already")
            comparison = _last_comparison(connection, algorithm, version, current)
            if not force_reason:
                _refuse_unless_better(comparison, algorithm, version, current)
            comparison_id = None if comparison is None else comparison["id"]
            self._note(connection, algorithm, version, "promoted", person, force_reason, comparison_id)
            job_rows.pin_models(connection, self._clock(), algorithm, version)
        return self.get(algorithm, version)

    def rollback(self, algorithm: str, person: str, reason: str = "") -> str:
        """Goes back to what the last promotion replaced. Returns its version.

        Raises:
            UsageError: nothing is promoted.
        """
        with self._database.transaction() as connection:
            stack = promotions(acts_of_rows(connection.execute(ACTS_OF, (algorithm,))))
            if len(stack) == 1:
                raise UsageError(f"{algorithm} uses the models that come with it: there is nothing to roll back")
            left, back = stack[-1], stack[-2]
            self.folder_of(algorithm, back)  # is it whole? before anything depends on it
            self._note(connection, algorithm, left, "rolled back", person, reason)
            job_rows.pin_models(connection, self._clock(), algorithm, back)
        return back

    def shadow_on(self, algorithm: str, version: str, person: str) -> None:
        """From now on, each analysis is done by these models as well, and nothing of that is sent.

        Raises:
            UsageError: it is in use, or in the shadow already.
        """
        self.get(algorithm, version)
        self.folder_of(algorithm, version)
        with self._database.transaction() as connection:
            if in_use(connection, algorithm) == version:
                raise UsageError(f"{algorithm} uses {version}: a candidate runs in the shadow of what is in use")
            if version in shadows(connection, algorithm):
                raise UsageError(f"{version} of {algorithm} runs in the shadow already")
            self._note(connection, algorithm, version, "shadow on", person)

    def shadow_off(self, algorithm: str, version: str, person: str) -> None:
        """No more of it. Raises UsageError where it does not run in the shadow."""
        with self._database.transaction() as connection:
            if version not in shadows(connection, algorithm):
                raise UsageError(f"{version} of {algorithm} does not run in the shadow")
            self._note(connection, algorithm, version, "shadow off", person)

    def keep_comparison(self, algorithm: str, candidate: str, current: str, comparison: Comparison) -> int:
        """Keeps what ``models compare`` found. Returns its id."""
        with self._database.transaction() as connection:
            cursor = connection.execute(
                "INSERT INTO model_comparisons (algorithm, candidate, in_use, at_s, cases, figures, beats) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    algorithm,
                    candidate,
                    current,
                    self._clock(),
                    json.dumps(comparison.cases),
                    json.dumps(comparison.as_json()),
                    comparison.beats,
                ),
            )
            return cursor.lastrowid

    def _note(
        self,
        connection: sqlite3.Connection,
        algorithm: str,
        version: str,
        act: Act,
        person: str,
        reason: str = "",
        comparison_id: int | None = None,
    ) -> None:
        note(connection, ModelAct(0, algorithm, version, act, person, reason, comparison_id, self._clock()))

    def _copied(self, source: Path, folder: Path) -> Path:
        """Copies manifest, models and card; the folder appears whole, by one rename. Returns ``folder``."""
        target = self._data_dir / folder
        shutil.rmtree(target, ignore_errors=True)  # of an addition that never got its row
        making = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
        try:
            for name in (MANIFEST, CARD, *(entry.file for entry in read_manifest(source / MANIFEST).values())):
                if (source / name).exists():
                    (making / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source / name, making / name)
            sync_tree(making)
            making.rename(target)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        return folder


def digest_of(folder: Path) -> str:
    """sha256 over the manifest and every model that it names, each of which must be the manifest's.

    Raises:
        ModelError: the manifest does not hold, or a file is missing or another one.
    """
    digest = hashlib.sha256()
    entries = read_manifest(folder / MANIFEST)
    digest.update((folder / MANIFEST).read_bytes())
    for entry in entries.values():
        try:
            found = hashlib.sha256((folder / entry.file).read_bytes()).hexdigest()
        except OSError as error:
            raise ModelError(
                f"model {entry.name!r}: {entry.file} of {folder.name} cannot be read: {error.strerror}"
            ) from error
        if found != entry.sha256:
            raise ModelError(
                f"model {entry.name!r}: {entry.file} of {folder.name} has sha256 {found}, but {MANIFEST} says "
                f"{entry.sha256}"
            )
        digest.update(found.encode())
    return digest.hexdigest()


def _common_version(infos: Iterable[ModelInfo]) -> str:
    versions = sorted({info.version for info in infos})
    if len(versions) > 1:
        raise UsageError(f"these models have several versions ({', '.join(versions)}): name the set by --version")
    return versions[0]


def _set_of(row: sqlite3.Row, acts: Iterable[ModelAct]) -> ModelSet:
    acts = tuple(acts)
    version = row["version"]
    state: State = "candidate"
    if promotions(acts)[-1] == version:
        state = "current"
    elif any(act.act == "promoted" and act.version == version for act in acts):
        state = "retired"
    columns: Mapping[str, Any] = {**dict(row), "models": tuple(ModelInfo(**info) for info in json.loads(row["models"]))}
    return ModelSet(**columns, state=state, shadow=version in in_the_shadow(acts))


def _last_comparison(
    connection: sqlite3.Connection, algorithm: str, candidate: str, current: str
) -> sqlite3.Row | None:
    return connection.execute(
        "SELECT * FROM model_comparisons WHERE algorithm = ? AND candidate = ? AND in_use = ? ORDER BY id DESC LIMIT 1",
        (algorithm, candidate, current),
    ).fetchone()


def _refuse_unless_better(comparison: sqlite3.Row | None, algorithm: str, version: str, current: str) -> None:
    against = current or OWN_IN_WORDS
    otherwise = "or promote it all the same with --force REASON, which is kept"
    if comparison is None:
        raise UsageError(
            f"{version} of {algorithm} was never compared with {against}, which is in use: run dicom-node models "
            f"compare {algorithm} {version} first, {otherwise}"
        )
    if not comparison["beats"]:
        (figure, *_) = json.loads(comparison["figures"])["figures"]
        raise UsageError(
            f"{version} of {algorithm} does not beat {against}, which is in use: {figure['name']} "
            f"{figure['candidate']['value']:.4g} against {figure['in_use']['value']:.4g} on {figure['cases']} held-out "
            f"cases; keep {against}, {otherwise}"
        )
