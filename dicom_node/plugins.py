"""The algorithms that are installed: entry points of the group ``dicom_node.algorithms``, built in or anybody's.

An entry point names a module (or any object) with ``Options`` and ``create(options, models)``; see ``algorithm.py``.
Nothing is imported before it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dicom_node.algorithm import Algorithm, AlgorithmOptions, Device, ModelInfo, Models, NoModels
from dicom_node.errors import UsageError
from dicom_node.models import MANIFEST, ModelFolder

GROUP = "dicom_node.algorithms"
OF_TRAINING = frozenset({"torch", "monai", "sklearn", "onnx", "onnxscript", "tqdm", "tomli_w", "skfem"})
"""What the extra ``train`` brings, as it is imported."""


class OptionRow(NamedTuple):
    """One option, as tables and the routing reference show it."""

    option: str
    type: str
    default: str
    description: str


class Catalogue:
    """Finds, checks and makes algorithms. ``threads``: CPU threads for each model; 0 = all cores."""

    def __init__(self, threads: int = 0) -> None:
        self._threads = threads
        self._entries: dict[str, EntryPoint] = {}
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            other = self._entries.setdefault(entry.name, entry)
            if other.value != entry.value:
                raise UsageError(
                    f"two installed packages offer an algorithm {entry.name!r} ({other.value} and {entry.value}): "
                    "uninstall one"
                )

    def names(self) -> tuple[str, ...]:
        """The installed algorithms, in alphabetical order."""
        return tuple(self._entries)

    def options_class(self, name: str) -> type[AlgorithmOptions]:
        """What a rule may set. Raises UsageError if there is no such algorithm or it cannot be imported."""
        return self._offer(name).Options

    def option_problems(self, name: str, options: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
        """What is wrong with a rule's options: (keys from ``options`` inwards, what is allowed) of each mistake."""
        try:
            model = self.options_class(name)
        except UsageError as error:
            return [((), str(error))]
        try:
            model.model_validate(dict(options))
        except ValidationError as error:
            return [(detail["loc"], _told(detail, model)) for detail in error.errors(include_url=False)]
        return []

    def canonical_options(self, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options of the algorithm as JSON values, defaults filled in: the same meaning, the same value.

        Raises:
            UsageError: no such algorithm, or the options do not hold.
        """
        return self._options(name, options).model_dump(mode="json")

    def create(self, name: str, options: Mapping[str, Any], models_folder: Path | None = None) -> Algorithm:
        """The algorithm with its options set and its models at hand: its own, or those of another folder.

        Raises:
            UsageError: no such algorithm, or the options do not hold.
            ModelError: its weights are missing or not those of its manifest.
        """
        return self._offer(name).create(self._options(name, options), self.models(name, models_folder))

    def models(self, name: str, folder: Path | None = None, device: Device = "auto") -> Models:
        """The weights of the algorithm's own ``model.toml`` if it has one, or those of another ``folder``.

        Raises:
            ModelError: the manifest does not hold, or ``folder`` has none.
        """
        own = self.folder(name)
        if folder is None and not (own / MANIFEST).exists():
            return NoModels()
        return ModelFolder(folder or own, self._threads, device)

    def own_models(self, name: str) -> tuple[ModelInfo, ...]:
        """The models that come with the algorithm; none where it has no ``model.toml``. Raises as ``models``."""
        own = self.models(name)
        return own.infos if isinstance(own, ModelFolder) else ()

    def check_models(self, name: str, folder: Path) -> None:
        """Whether a folder of models has all that the algorithm opens, going by those that come with it.

        Raises:
            UsageError: the algorithm has no models, or one of them is not in the folder.
            ModelError: the folder's manifest does not hold.
        """
        own = {model.name for model in self.own_models(name)}
        if not own:
            raise UsageError(f"{name} has no models: it works without learned weights")
        missing = sorted(own - {model.name for model in ModelFolder(folder).infos})
        if missing:
            raise UsageError(f"{MANIFEST} in {folder} lacks what {name} opens: {', '.join(missing)}")

    def describe_options(self, name: str) -> tuple[OptionRow, ...]:
        """Every option with its type or range, its default and what it does."""
        schema = self.options_class(name).model_json_schema()
        return tuple(
            OptionRow(
                key,
                _type_in_words(value, schema.get("$defs", {})),
                _default_in_words(value, key in schema.get("required", ())),
                value.get("description", ""),
            )
            for key, value in schema.get("properties", {}).items()
        )

    def folder(self, name: str) -> Path:
        """Where the algorithm's module lies, and with it its ``model.toml``."""
        return Path(self._module(name).__file__ or ".").parent

    def part(self, name: str, what: str, function: str = "") -> Callable[..., Any] | None:
        """A function in the submodule ``what`` of the algorithm (train, evaluate), by default the one of that name.

        ``None`` if there is no such submodule or function.

        Raises:
            UsageError: the submodule needs a package that is not installed.
        """
        module = self._module(name)
        path = f"{module.__name__}.{what}"
        if not hasattr(module, "__path__") or importlib.util.find_spec(path) is None:
            return None
        submodule = _imported(lambda: importlib.import_module(path), f"{what} of algorithm {name!r}")
        return getattr(submodule, function or what, None)

    def _offer(self, name: str) -> Any:
        entry = self._entries.get(name)
        if entry is None:
            near = difflib.get_close_matches(name, self._entries, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise UsageError(f"no algorithm {name!r} is installed; there are: {', '.join(self._entries)}{hint}")
        offer = _imported(entry.load, f"algorithm {name!r} ({entry.value})")
        if not (isinstance(getattr(offer, "Options", None), type) and issubclass(offer.Options, AlgorithmOptions)):
            raise UsageError(f"algorithm {name!r} ({entry.value}) has no class Options(AlgorithmOptions)")
        if not callable(getattr(offer, "create", None)):
            raise UsageError(f"algorithm {name!r} ({entry.value}) has no function create(options, models)")
        return offer

    def _module(self, name: str) -> Any:
        self._offer(name)
        return sys.modules[self._entries[name].module]

    def _options(self, name: str, options: Mapping[str, Any]) -> AlgorithmOptions:
        model = self.options_class(name)
        problems = self.option_problems(name, options)
        if problems:
            told = "; ".join(f"{'.'.join(map(str, keys))}: {message}" for keys, message in problems)
            raise UsageError(f"options of {name} do not hold: {told}")
        return model.model_validate(dict(options))


def _imported(load: Callable[[], Any], what: str) -> Any:
    try:
        return load()
    except (ImportError, AttributeError) as error:
        missing = (getattr(error, "name", None) or "").partition(".")[0]
        hint = "; it needs the extra train: pip install 'dicom-node[train]'" if missing in OF_TRAINING else ""
        raise UsageError(f"{what} cannot be imported: {error}{hint}") from error


def _told(detail: ErrorDetails, model: type[AlgorithmOptions]) -> str:
    """One mistake, in the words of a person: what was found and what is allowed."""
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        if len(detail["loc"]) > 1:
            return f"{key} is no key here"
        near = difflib.get_close_matches(key, model.model_fields, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"no option {key!r}; there are: {', '.join(model.model_fields)}{hint}"
    if detail["type"] == "missing":
        return "is needed"
    message = detail["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}; got {detail['input']!r}"


def _type_in_words(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return _type_in_words(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    for together in ("anyOf", "oneOf", "allOf"):
        if together in schema:
            return " or ".join(_type_in_words(part, definitions) for part in schema[together])
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return f"list of {', '.join(_type_in_words(part, definitions) for part in schema['prefixItems'])}"
        return f"list of {_type_in_words(schema.get('items', {}), definitions)}"
    words = {"null": "null", "boolean": "true | false", "string": "text", "object": "mapping", "integer": "integer"}
    return words.get(schema.get("type", ""), schema.get("type", "any")) + _range_in_words(schema)


def _range_in_words(schema: Mapping[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    bounds = [f"{sign} {schema[key]:g}" for key, sign in signs.items() if key in schema]
    return f" {' and '.join(bounds)}" if bounds else ""


def _default_in_words(schema: Mapping[str, Any], required: bool) -> str:
    if required:
        return "needed"
    value = schema.get("default")
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
