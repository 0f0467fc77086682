"""fit: resumed equals uninterrupted, finished parts return at once, other settings are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from algorithms.training.loop import Schedule, fit  # noqa: E402
from algorithms.training.run import RunFolder  # noqa: E402

SCHEDULE = Schedule(epochs=4, batch_size=4, learning_rate=1e-2, weight_decay=1e-3, warm_up_epochs=1)


def network():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Flatten(),
            nn.Linear(256, 1),
        )


def batches(rng):
    """Six batches: tell the mean of noise pictures."""
    for _ in range(6):
        pictures = torch.from_numpy(rng.normal(size=(4, 1, 8, 8)).astype(np.float32))
        yield {"picture": pictures, "mean": pictures.mean((1, 2, 3))[:, None]}


def loss(net, batch):
    return nn.functional.mse_loss(net(batch["picture"]), batch["mean"])


def fitted(out, part="p", epochs_until_stop=None, schedule=SCHEDULE, seed=3, **others):
    calls = []

    def stopping(rng):
        if len(calls) == epochs_until_stop:
            yield next(batches(rng))  # in the middle of an epoch
            raise KeyboardInterrupt
        calls.append(1)
        yield from batches(rng)

    run = RunFolder(out, {"data": "noise"})
    return fit(part, others.pop("net", None) or network(), stopping, loss, schedule, run, "cpu", seed, **others), calls


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_an_interrupted_run_gives_the_weights_of_an_uninterrupted_one(tmp_path, stop):
    whole, _ = fitted(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "cut", epochs_until_stop=stop)
    resumed, calls = fitted(tmp_path / "cut")
    assert len(calls) == 4 - stop
    assert same(whole, resumed)
    assert not resumed.training
