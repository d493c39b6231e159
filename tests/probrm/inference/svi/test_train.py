from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from probrm.data.batch import Batch
from probrm.errors import RunError, TrainingError
from probrm.guides import Layout, Whitening, build_guide
from probrm.inference import SVI, History, fit
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.train import run_svi
from probrm.model import RewardModel

Make = Callable[..., RewardModel]
Rows = Callable[..., Batch]


class Recorder:
    """A ``Progress`` that notes what it is told, and may be interrupted at a count of SVI steps."""

    def __init__(self, interrupt: int | None = None) -> None:
        self.done: dict[str, int] = {}
        self.totals: dict[str, int] = {}
        self.fields: list[dict[str, object]] = []
        self._interrupt = interrupt

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Any]:
        self.totals[label], self.done[label] = total, 0

        def advance(n: int = 1, **fields: object) -> None:
            self.done[label] += n
            self.fields.append(fields)
            if label == "SVI" and self._interrupt is not None and self.done[label] >= self._interrupt:
                raise KeyboardInterrupt

        yield advance


def cold(model: RewardModel, batch: Batch) -> Any:
    layout = Layout.of(model, batch)
    return build_guide("auto-normal", model, layout, Whitening.diagonal(torch.zeros(layout.size), torch.ones(layout.size)))


def test_history_counts_looks_without_improvement() -> None:
    history, values = History(), [1.0, 2.0, 2.00005, 1.5, 3.0]
    waited = []
    for step, value in enumerate(values, 1):
        history.look(step, elbo=0.0, held_out=value, rate=0.1)
        waited.append(history.waited)
    assert waited == [0, 0, 1, 2, 0]  # a rise by less than 1e-4 nats a row is none
    assert history.best == 3.0
    assert history.steps == 5
    assert [r["held_out"] for r in history.records] == values


def test_history_watches_the_bound_where_there_are_no_held_out_rows() -> None:
    history = History()
    waited = []
    for step, elbo in enumerate([-1.0, -0.9, -0.85, -0.7], 1):
        history.look(step, elbo=elbo, held_out=None, rate=0.1, rise=0.12, trend=0.0)
        waited.append(history.waited)
    assert waited == [0, 1, 0, 0]  # of rises by .1, .15 above the best and .15
    assert history.trend == -0.7
    smooth = History()
    for step, elbo in enumerate([-1.0, 1.0], 1):
        smooth.look(step, elbo=elbo, held_out=None, rate=0.1)
    assert smooth.trend == pytest.approx(-0.8)
    assert "held_out" not in history.records[-1]


def test_a_look_sees_the_steps_since_the_last_one(regression: Make, simulated: Rows) -> None:
    """The bound of one step is noisy where the guide is still too wide; the average of 50 scatters seven times less."""
    batch = simulated(60, 3)
    spread = {}
    for every in (1, 50):
        torch.manual_seed(1)
        model = regression(3)
        found = run_svi(model, cold(model, batch), batch, SVI(learning_rate=1e-9, eval_every=every, patience=1000, max_steps=500))
        spread[every] = float(torch.tensor([record["elbo"] for record in found.records]).std())
    assert 3.5 < spread[1] / spread[50] < 14


def test_early_stopping_lowers_the_rate_twice_and_ends(regression: Make, simulated: Rows) -> None:
    batch = simulated(300, 3)
    fitted = fit(
        regression(3), batch.subset(torch.arange(250)), held_out=batch.subset(torch.arange(250, 300)), inference=SVI(draws=10), starts=1
    )
    history = fitted.history
    assert len(history.stages) == 3
    assert history.stages[0] == 0
    assert history.stages == sorted(history.stages)
    assert history.steps < 4000
    rates = [record["rate"] for record in history.records]
    assert sorted(set(rates), reverse=True) == pytest.approx([0.02, 0.005, 0.00125])
    assert [record["step"] for record in history.records] == list(range(25, history.steps + 1, 25))
    assert not any("held_out" in record for record in history.records)  # a guide that begins at the mode watches its bound
    assert fitted.held_out is not None
    assert math.isfinite(fitted.held_out)


def test_a_guide_goes_on_from_where_it_stood_on_the_training_rows(
    regression: Make, simulated: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On all rows it begins with the learned density, in the second stage of the learning rate."""
    begun: list[tuple[int, Any]] = []

    def noted(model: Any, guide: Any, *args: Any, stage: int = 0, **settings: Any) -> Any:
        begun.append((stage, copy.deepcopy(guide.family.state_dict())))
        history = run_svi(model, guide, *args, stage=stage, **settings)
        begun.append((stage, copy.deepcopy(guide.family.state_dict())))
        return history

    monkeypatch.setattr("probrm.inference.infer.run_svi", noted)
    batch = simulated(300, 3)
    train, held_out = batch.subset(torch.arange(250)), batch.subset(torch.arange(250, 300))
    fit(regression(3), train, held_out=held_out, inference=SVI(draws=10), starts=1)
    (first, _), (_, trained), (second, taken), _ = begun
    assert (first, second) == (0, 1)
    assert all(torch.equal(trained[name], taken[name]) for name in trained)


def test_held_out_rows_join_the_refit_and_not_the_score(regression: Make, simulated: Rows, closed_form: Callable[..., Any]) -> None:
    batch = simulated(300, 3)
    train, held_out = batch.subset(torch.arange(150)), batch.subset(torch.arange(150, 300))
    settings = {"inference": SVI(draws=4000), "starts": 1}
    refit = fit(regression(3), train, held_out=held_out, **settings).draws["weights"]
    without = fit(regression(3), train, held_out=held_out, inference=SVI(draws=4000, refit=False), starts=1).draws["weights"]
    for draws, rows in ((refit, batch), (without, train)):
        mean, cov, _ = closed_form(rows)
        sd = cov.diagonal().sqrt()
        assert float(((draws.mean(0) - mean) / sd).abs().max()) < 0.15
        assert float((draws.std(0) / sd - 1).abs().max()) < 0.1


def test_a_schedule_repeats_stages_and_length(regression: Make, simulated: Rows) -> None:
    batch, model = simulated(60, 3), regression(3)
    schedule = History(stages=[0, 50, 75], steps=110)
    history = run_svi(model, cold(model, batch), batch, SVI(), schedule=schedule)
    assert history.stages == [0, 50, 75]
    assert history.steps == 110
    assert [r["rate"] for r in history.records] == pytest.approx([0.02, 0.02, 0.005, 0.00125, 0.00125])


def test_steps_are_bounded(regression: Make, simulated: Rows) -> None:
    batch, model = simulated(60, 3), regression(3)
    assert run_svi(model, cold(model, batch), batch, SVI(max_steps=7)).steps == 7


@pytest.mark.filterwarnings("ignore:Encountered:UserWarning")
def test_a_loss_that_is_not_finite_is_told_with_the_step(regression: Make, simulated: Rows) -> None:
    batch, model = simulated(60, 3), regression(3)
    with pytest.raises(TrainingError, match=r"the loss became .* at step 25") as caught:
        run_svi(model, cold(model, batch), batch, SVI(learning_rate=1e30))
    assert "inference.learning_rate" in caught.value.fix


def test_progress_is_told_of_every_step_and_the_elbo(regression: Make, simulated: Rows) -> None:
    recorder = Recorder()
    fit(regression(3), simulated(60, 3), inference=SVI(max_steps=60, draws=5), starts=1, progress=recorder)
    assert recorder.totals["SVI"] == 60
    assert recorder.done["SVI"] >= 60
    assert any("elbo" in fields for fields in recorder.fields)


def test_an_interrupted_fit_goes_on_to_the_same_bits(tmp_path: Path, regression: Make, simulated: Rows) -> None:
    batch = simulated(300, 3)
    rows = {"data": batch.subset(torch.arange(250)), "held_out": batch.subset(torch.arange(250, 300))}
    settings = {"inference": SVI(draws=10, batch_size=64, max_steps=200), "starts": 1, "seed": 4}
    whole = fit(regression(3), **rows, **settings)
    with pytest.raises(KeyboardInterrupt):
        fit(regression(3), **rows, **settings, checkpoint=Checkpoint(tmp_path, "f", seconds=0.0), progress=Recorder(interrupt=75))
    resumed = fit(regression(3), **rows, **settings, checkpoint=Checkpoint(tmp_path, "f", seconds=0.0))
    assert torch.equal(resumed.draws["weights"], whole.draws["weights"])
    assert resumed.history.records == whole.history.records
    assert resumed.history.stages == whole.history.stages
    with pytest.raises(RunError, match="other settings"):
        fit(regression(3), **rows, **settings, checkpoint=Checkpoint(tmp_path, "g"))
