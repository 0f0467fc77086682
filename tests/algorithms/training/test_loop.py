"""fit: resumed equals uninterrupted, finished parts return at once, other settings are refused by name."""

from __future__ import annotations

import csv
import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from algorithms.training.loop import Schedule, choose_device, fit  # noqa: E402
from algorithms.training.run import RunFolder  # noqa: E402
from dicom_node.errors import UsageError  # noqa: E402
from dicom_node.plugins import OF_TRAINING  # noqa: E402

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


def fitted(out, stop_after=None, **others):
    """(network, number of epochs that were begun); ``stop_after`` epochs somebody presses Ctrl-C within the next."""
    begun = []

    def stopping(rng):
        begun.append(rng)
        for number, batch in enumerate(batches(rng)):
            if number == 2 and len(begun) - 1 == stop_after:
                raise KeyboardInterrupt
            yield batch

    asked = {
        "part": "p",
        "network": network(),
        "batches": stopping,
        "loss": loss,
        "schedule": SCHEDULE,
        "run": RunFolder(out, {"data": "noise"}),
        "device": "cpu",
        "seed": 3,
        **others,
    }
    return fit(**asked), len(begun)


def same(a, b):
    a, b = a.state_dict(), b.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder and the network of a run that nobody interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, fitted(folder)[0]


@pytest.mark.parametrize("stop", [0, 1, 3])
def test_an_interrupted_run_gives_the_weights_of_an_uninterrupted_one(tmp_path, whole, stop, caplog):
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path, stop_after=stop)
    with caplog.at_level(logging.INFO):
        resumed, begun = fitted(tmp_path)
    assert begun == 4 - stop
    assert same(whole[1], resumed)
    assert not resumed.training
    assert ("p: going on after epoch" in caplog.text) == (stop > 0)


def test_a_finished_part_returns_at_once(whole, caplog):
    with caplog.at_level(logging.INFO):
        again, begun = fitted(whole[0], batches=lambda rng: pytest.fail("nothing is left to learn"))
    assert begun == 0
    assert same(whole[1], again)
    assert "p: finished before" in caplog.text


def test_it_learns_and_the_caller_s_generator_is_as_it_was(tmp_path):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    line = nn.Linear(3, 1)
    torch.manual_seed(5)

    def numbers(rng):
        for _ in range(60):
            x = torch.from_numpy(rng.normal(size=(16, 3)).astype(np.float32))
            yield x, x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 3

    schedule = Schedule(epochs=6, batch_size=16, learning_rate=0.1, weight_decay=0, warm_up_epochs=1)
    learned, _ = fitted(
        tmp_path,
        network=line,
        batches=numbers,
        loss=lambda net, batch: nn.functional.mse_loss(net(batch[0]), batch[1]),
        schedule=schedule,
    )
    assert torch.equal(before, torch.random.get_rng_state())
    torch.testing.assert_close(learned.weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=0.02, rtol=0)
    torch.testing.assert_close(learned.bias, torch.tensor([3.0]), atol=0.02, rtol=0)


def test_each_epoch_and_each_part_sees_batches_of_its_own(tmp_path):
    seen = {}

    def noting(part):
        def noted(rng):
            seen.setdefault(part, []).append(rng.integers(1 << 62))
            yield from batches(np.random.default_rng(0))

        return noted

    for part in ("p", "q"):
        fitted(tmp_path, part=part, batches=noting(part))
    fitted(tmp_path / "again", batches=noting("again"))
    assert len({*seen["p"], *seen["q"]}) == 8
    assert seen["again"] == seen["p"]


def test_validation_is_told_and_changes_nothing(tmp_path, whole):
    modes = []

    def validate(net):
        modes.append((net.training, torch.is_grad_enabled()))
        torch.rand(3)
        return {"dice": len(modes) / 10}

    validated, _ = fitted(tmp_path, validate=validate)
    assert same(validated, whole[1])
    assert modes == [(False, False)] * 4
    rows = list(csv.DictReader((tmp_path / "training" / "p" / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert [row["dice"] for row in rows] == ["0.1", "0.2", "0.3", "0.4"]
    assert all(float(row["loss"]) > 0 for row in rows)
    rates = [float(row["learning_rate"]) for row in rows]
    assert rates == pytest.approx([0.005, 0.01, 0.0075, 0.0025])  # half, then 1 + cos(0, 60, 120 degrees), halved


def test_the_averaged_weights_follow_the_average_of_the_steps(tmp_path):
    """By hand: after step n the average keeps (1 + n) / (10 + n) of itself; buffers too, whole numbers are copied."""
    net = nn.BatchNorm1d(2)
    kept = []

    def noting(rng):
        for _ in range(3):
            yield torch.from_numpy(rng.normal(size=(8, 2)).astype(np.float32))
            kept.append({key: value.clone() for key, value in net.state_dict().items()})

    wanted = {key: value.clone() for key, value in net.state_dict().items()}
    schedule = Schedule(epochs=1, batch_size=8, learning_rate=0.1, weight_decay=0, warm_up_epochs=0)
    average, _ = fitted(
        tmp_path, network=net, batches=noting, loss=lambda n, b: n(b).square().mean(), schedule=schedule
    )
    for number, state in enumerate(kept, start=1):
        share = (1 + number) / (10 + number)
        wanted = {key: share * wanted[key] + (1 - share) * state[key] for key in state}
    found = average.state_dict()
    for key in ("weight", "bias", "running_mean", "running_var"):
        torch.testing.assert_close(found[key], wanted[key])
    assert int(found["num_batches_tracked"]) == 3


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"seed": 4}, "p was begun with other settings: seed is 3 there, 4 here"),
        ({"schedule": Schedule(4, 4, 2e-2, 1e-3)}, r"schedule\.learning_rate is 0\.01 there, 0\.02 here"),
        ({"network": nn.Linear(2, 2)}, "p was begun with another network"),
    ],
)
def test_other_settings_are_refused_by_name(whole, other, said):
    with pytest.raises(UsageError, match=said):
        fitted(whole[0], **other)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_what_was(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path, stop_after=2)
    kept = (tmp_path / "training" / "p" / "checkpoint.pt").read_bytes()
    with pytest.raises(UsageError, match="the loss is nan in epoch 3"):
        fitted(tmp_path, loss=lambda net, batch: loss(net, batch) * float("nan"))
    assert (tmp_path / "training" / "p" / "checkpoint.pt").read_bytes() == kept


def test_no_batch_is_no_training_data(tmp_path):
    with pytest.raises(UsageError, match="there is no training data"):
        fitted(tmp_path, batches=lambda rng: iter(()))


def test_devices_by_name():
    assert choose_device("cpu") == torch.device("cpu")
    if torch.cuda.is_available():
        assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    else:
        assert choose_device("auto") == torch.device("cpu")
        with pytest.raises(UsageError, match="torch sees no GPU"):
            choose_device("cuda")


def test_the_packages_of_the_extra_are_here(needs_package):
    """The tests of this folder skip where they are not; in CI that would pass unseen."""
    for package in OF_TRAINING:
        needs_package(package)
