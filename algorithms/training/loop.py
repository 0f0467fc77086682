"""Fits one network, resumable after every epoch: a run that was interrupted gives the weights of one that was not.

Nothing of the outcome is chosen by looking at validation data: the schedule is fixed before the run, the averaged
weights after its last epoch are the outcome, and ``validate`` only reports. So figures on held-out data stay honest.
"""

from __future__ import annotations

import csv
import io
import logging
import math
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from algorithms.training.average import MovingAverage
from algorithms.training.run import RunFolder, as_json, refuse_differences, write_atomically
from dicom_node.errors import UsageError

log = logging.getLogger(__name__)

Batch: TypeAlias = Tensor | Sequence[Any] | Mapping[str, Any]
"""Tensors on the CPU, alone or in tuples and dicts; what is no tensor passes through as it is."""

CLIP_NORM = 1.0
SHOW_EVERY_S = 0.5  # reading the loss makes a GPU wait


@dataclass(frozen=True, slots=True)
class Schedule:
    """AdamW with a cosine to zero. ``batch_size`` is for whoever makes the batches."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    warm_up_epochs: int = 1

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch (from 0): a line up during the warm-up, then half a cosine towards zero."""
        if epoch < self.warm_up_epochs:
            return self.learning_rate * (epoch + 1) / (self.warm_up_epochs + 1)
        rest = max(1, self.epochs - self.warm_up_epochs)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * (epoch - self.warm_up_epochs) / rest))


@dataclass
class _State:
    """What a checkpoint holds, in working form."""

    network: nn.Module
    average: MovingAverage
    optimiser: torch.optim.Optimizer
    history: list[dict[str, float]]

    @property
    def epoch(self) -> int:
        return len(self.history)


def fit(
    part: str,
    network: nn.Module,
    batches: Callable[[np.random.Generator], Iterator[Batch]],
    loss: Callable[[nn.Module, Batch], Tensor],
    schedule: Schedule,
    run: RunFolder,
    device: torch.device | str,
    seed: int,
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None,
) -> nn.Module:
    """The network with its averaged weights, in eval mode, on ``device``; a second call goes on where one stopped.

    All randomness of an epoch comes from (seed, part, epoch): the generator that ``batches`` gets and torch's own.
    The caller's torch generator is left as it was, so what is made after a part does not depend on how it came about.
    On the CPU an interrupted run gives bit-equal weights; on a GPU, equal up to the order of its additions.

    Args:
        part: its name in the run, such as ``dla_1``.
        network: with its starting weights; they are changed in place.
        batches: yields the batches of one epoch.
        loss: scalar tensor of one batch; the network is in train mode.
        validate: figures of the averaged network (in eval mode, without gradients) for bar and log, after each epoch.

    Raises:
        UsageError: the part was begun with another schedule, seed or network, or the loss is no number any more.
    """
    device = torch.device(device)
    network.to(device)
    state = _State(network, MovingAverage(network), _optimiser(network, schedule), [])
    settings = as_json({"schedule": asdict(schedule), "seed": seed})
    checkpoint = run.checkpoint_of(part)
    if checkpoint.exists():
        _restore(checkpoint, state, settings, part, device)
    if state.epoch >= schedule.epochs:
        log.info("%s: finished before", part)
        return state.average.network
    if state.epoch:
        log.info("%s: going on after epoch %d of %d", part, state.epoch, schedule.epochs)
    forked = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=forked), _bar(part, state.epoch, schedule.epochs) as bar:
        while state.epoch < schedule.epochs:
            begun = time.monotonic()
            rate = _begin(state, schedule, part, seed)
            mean = _one_epoch(state, batches(_generator(part, seed, state.epoch)), loss, device, bar)
            if not math.isfinite(mean):
                raise UsageError(
                    f"{part}: the loss is {mean} in epoch {state.epoch + 1}; use a lower learning rate than "
                    f"{schedule.learning_rate:g}, or look for values that are no numbers in the data"
                )
            figures = _validated(state.average.network, validate)
            seconds = round(time.monotonic() - begun, 3)
            row = {"epoch": state.epoch + 1, "loss": mean, "learning_rate": rate, "seconds": seconds, **figures}
            state.history.append(row)
            _keep(checkpoint, state, settings, state.epoch == schedule.epochs)
            _write_log(run.path(part) / "log.csv", state.history)
            bar.update()
            bar.set_postfix_str(", ".join(f"{key} {row[key]:.4g}" for key in ("loss", *figures)))
    return state.average.network


def choose_device(name: str) -> torch.device:
    """``auto`` takes the GPU if there is one. Raises UsageError for ``cuda`` where torch sees no GPU."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UsageError("--device cuda: torch sees no GPU here; use --device cpu, or a torch built for CUDA")
    return torch.device("cuda" if available and name in ("auto", "cuda") else "cpu")


def _optimiser(network: nn.Module, schedule: Schedule) -> torch.optim.Optimizer:
    """AdamW; biases and the weights of normalisation are not decayed."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": schedule.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=schedule.learning_rate)


def _seeds(part: str, seed: int, epoch: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, zlib.crc32(part.encode()), epoch])


def _generator(part: str, seed: int, epoch: int) -> np.random.Generator:
    return np.random.default_rng(_seeds(part, seed, epoch))


def _begin(state: _State, schedule: Schedule, part: str, seed: int) -> float:
    torch.manual_seed(int(_seeds(part, seed, state.epoch).generate_state(1, np.uint64)[0] >> 1))
    rate = schedule.rate(state.epoch)
    for group in state.optimiser.param_groups:
        group["lr"] = rate
    return rate


def _one_epoch(state: _State, batches: Iterator[Batch], loss, device: torch.device, bar: tqdm) -> float:
    """One pass over the batches; their mean loss."""
    network = state.network.train()
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    total, steps, shown = torch.zeros((), device=device), 0, time.monotonic()
    for batch in batches:
        state.optimiser.zero_grad(set_to_none=True)
        value = loss(network, _on(device, batch))
        value.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        state.optimiser.step()
        state.average.update()
        total += value.detach()
        steps += 1
        if not bar.disable and time.monotonic() - shown > SHOW_EVERY_S:
            shown = time.monotonic()
            bar.set_postfix_str(f"loss {float(total) / steps:.4g}, batch {steps}")
    if not steps:
        raise UsageError("an epoch without a batch: there is no training data")
    return float(total) / steps


def _on(device: torch.device, batch: Any) -> Any:
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, Mapping):
        return {key: _on(device, value) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        moved = [_on(device, value) for value in batch]
        return type(batch)(*moved) if hasattr(batch, "_fields") else type(batch)(moved)
    return batch


def _validated(network: nn.Module, validate) -> dict[str, float]:
    if validate is None:
        return {}
    with torch.no_grad():
        return {key: float(value) for key, value in validate(network.eval()).items()}


def _keep(checkpoint: Path, state: _State, settings: Mapping[str, Any], finished: bool) -> None:
    """Of a finished part only what is returned is kept."""
    content: dict[str, Any] = {
        "settings": settings,
        "history": state.history,
        "average": state.average.network.state_dict(),
        "steps": state.average.steps,
    }
    if not finished:
        content |= {"network": state.network.state_dict(), "optimiser": state.optimiser.state_dict()}
    written = io.BytesIO()
    torch.save(content, written)
    write_atomically(checkpoint, written.getbuffer())


def _restore(checkpoint: Path, state: _State, settings: Mapping[str, Any], part: str, device: torch.device) -> None:
    content = torch.load(checkpoint, map_location=device, weights_only=True)
    refuse_differences(content["settings"], settings, f"{part} was begun")
    try:
        state.average.network.load_state_dict(content["average"])
        if "network" in content:
            state.network.load_state_dict(content["network"])
            state.optimiser.load_state_dict(content["optimiser"])
    except (RuntimeError, ValueError) as error:
        raise UsageError(f"{part} was begun with another network; use another --out for a new run: {error}") from error
    state.average.steps = content["steps"]
    state.history.extend(content["history"])


def _write_log(path: Path, history: Sequence[Mapping[str, float]]) -> None:
    """Written whole each time: rows and checkpoint cannot disagree for longer than an epoch."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(key for row in history for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_atomically(path, text.getvalue().encode())


def _bar(part: str, done: int, epochs: int) -> tqdm:
    """Over the epochs, on a terminal only."""
    return tqdm(total=epochs, initial=done, desc=part, unit="epoch", disable=None, dynamic_ncols=True)
