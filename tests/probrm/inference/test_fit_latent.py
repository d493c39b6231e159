"""Training of a model with latents in its rows, shown on a small one: a mean, and a normal deviation of each row that a network knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Tensor, nn

from probrm.data import Batch
from probrm.errors import ConfigError, RunError, TrainingError
from probrm.guides import Layout, WhitenedGuide, Whitening, guide_config
from probrm.inference import SVI, Fitted
from probrm.inference.fit_latent import fit_latent
from probrm.inference.svi.checkpoint import Checkpoint
from probrm.inference.svi.elbo import LocalKLELBO
from probrm.model import RewardModel, Values

QUICK = SVI(max_steps=60, eval_every=10, patience=100, draws=200, learning_rate=0.05, network_learning_rate=0.02)


class Deviations(RewardModel):
    """``u_i ~ N(0, 1)``, ``y_i ~ N(centre + u_i, 1/2)``."""

    kind = "deviations"

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(1, 1)

    def forward(self, batch: Batch) -> None:
        centre = pyro.sample("centre", dist.Normal(0.0, 10.0))
        with pyro.plate("rows", len(batch), dim=-1), pyro.poutine.scale(scale=batch.scale):
            u = pyro.sample("u", dist.Normal(torch.zeros(len(batch), 1), 1.0).to_event(1))
            pyro.sample("y", dist.Normal(centre + u[:, 0], 0.5), obs=batch["y"])

    def reward(self, values: Values, batch: Batch) -> Tensor:
        return values["centre"][..., None].expand(*values["centre"].shape, len(batch))

    def log_likelihood(self, values: Values, batch: Batch) -> Tensor:
        return dist.Normal(values["centre"][..., None], 1.25**0.5).log_prob(batch["y"])

    def dims(self) -> dict[str, tuple[str, ...]]:
        return {}

    def coords(self) -> dict[str, list[str]]:
        return {}

    def spec(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> Deviations:
        return cls()


class RowGuide(nn.Module):
    def __init__(self, model: Deviations) -> None:
        super().__init__()
        self._network = [model.network]

    def forward(self, batch: Batch) -> None:
        with pyro.plate("rows", len(batch), dim=-1), pyro.poutine.scale(scale=batch.scale):
            pyro.sample("u", dist.Normal(self._network[0](batch["y"][:, None]), 0.45).to_event(1))


def build(rows: Batch, at: float | None = None) -> tuple[Deviations, WhitenedGuide]:
    """Begins at a random place, or at ``at``."""
    model = Deviations()
    layout = Layout.of(model, rows)
    place = torch.full((1,), at) if at is not None else torch.randn(1)
    whitening = Whitening.diagonal(place, torch.ones(1))
    return model, WhitenedGuide(layout, whitening, guide_config("auto-normal").family(layout), RowGuide(model))


def rows(n: int = 60, seed: int = 0) -> Batch:
    y = 2.0 + 1.25**0.5 * torch.randn(n, generator=torch.Generator().manual_seed(seed))
    return Batch({"y": y, "weight": torch.ones(n)}, n)


TRAIN, HELD_OUT = rows(), rows(20, seed=1)


def fitted(**settings: Any) -> Fitted:
    given: dict[str, Any] = {"settings": QUICK, "elbo": LocalKLELBO, "device": "cpu"} | settings
    return fit_latent(given.pop("build", build), given.pop("data", TRAIN), **given)


def same(a: Fitted, b: Fitted) -> bool:
    draws = all(torch.equal(a.draws[name], b.draws[name]) for name in a.draws)
    guides = [f.guide.state_dict() for f in (a, b)]  # type: ignore[union-attr]
    models = [f.model.state_dict() for f in (a, b)]
    states = all(torch.equal(x[name], y[name]) for x, y in (guides, models) for name in x)
    return draws and states and a.history == b.history


def test_it_finds_the_posterior() -> None:
    """Of independent latents: the centre's width is that given the deviations, 0.5/√60; its mean is exact."""
    settings = SVI(max_steps=600, eval_every=50, patience=100, draws=1000, learning_rate=0.05, network_learning_rate=0.02)
    found = fitted(settings=settings)
    assert float(found.draws["centre"].mean()) == pytest.approx(float(TRAIN["y"].mean()), abs=0.15)
    assert float(found.draws["centre"].std()) == pytest.approx(0.5 / 60**0.5, rel=0.25)
    assert 0.5 < float(found.model.network.weight.detach()) < 1.0  # type: ignore[union-attr, arg-type, operator]  # exact: 0.8


def test_without_held_out_rows_nothing_is_refitted_or_scored() -> None:
    found = fitted(inspect=lambda *_: {"looked": True})
    assert found.held_out is None
    assert found.statistics == {}
    assert set(found.seconds) == {"training"}
    assert found.history.steps == 60
    assert "held_out" not in found.history.records[0]


def test_the_refit_is_on_all_rows_for_as_many_steps_and_stages() -> None:
    seen: list[Batch] = []

    def prepare(given: Batch) -> Batch:
        seen.append(given)
        return given

    labels = Labels()
    # A rate so high that the held-out score stops rising: both later stages are reached.
    settings = SVI(max_steps=400, eval_every=5, patience=1, draws=20, learning_rate=0.5)
    found = fitted(held_out=HELD_OUT, prepare=prepare, settings=settings, progress=labels)
    assert [len(each) for each in seen] == [60, 80]
    assert [each.total for each in seen] == [60, 80]
    assert torch.equal(seen[1]["y"], torch.cat([TRAIN["y"], HELD_OUT["y"]]))
    assert set(found.seconds) == {"training", "refit"}
    steps = found.history.steps
    assert 0 < steps < 400
    assert labels.totals == {"SVI": 400, "SVI on all rows": steps}
    assert labels.done["SVI on all rows"] == steps


class Labels:
    """Notes how far each bar went; may be interrupted within one."""

    def __init__(self, label: str | None = None, at: int = 0) -> None:
        self.totals: dict[str, int] = {}
        self.done: dict[str, int] = {}
        self._label, self._at = label, at

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Any]:
        self.totals[label], self.done[label] = total, 0

        def advance(n: int = 1, **fields: object) -> None:
            self.done[label] += n
            if label == self._label and self.done[label] >= self._at:
                raise KeyboardInterrupt

        yield advance


def test_without_refit_the_model_has_not_seen_the_held_out_rows() -> None:
    first = fitted(held_out=HELD_OUT, settings=SVI(**{**vars(QUICK), "refit": False}))
    far = Batch({"y": HELD_OUT["y"] + 0.5, "weight": torch.ones(20)}, 20)
    second = fitted(held_out=far, settings=SVI(**{**vars(QUICK), "refit": False}))
    assert torch.equal(first.draws["centre"], second.draws["centre"])
    assert first.held_out != second.held_out
    third = fitted(held_out=far)
    assert not torch.equal(third.draws["centre"], second.draws["centre"])


def test_the_training_goes_back_to_the_best_look() -> None:
    """At this rate the last look is not the best one."""
    found = fitted(held_out=HELD_OUT, settings=SVI(max_steps=40, eval_every=5, draws=200, learning_rate=0.7, patience=100, refit=False))
    looks = [record["held_out"] for record in found.history.records]
    assert found.held_out == pytest.approx(max(looks), abs=1e-6)
    assert looks[-1] < max(looks) - 1e-4
    assert found.history.steps < 40


def test_what_is_inspected_has_not_seen_the_held_out_rows() -> None:
    """It is given the training's model and draws, and the held-out rows; its figures are kept."""
    looked: list[Any] = []

    def inspect(model: RewardModel, draws: dict[str, Tensor], given: Batch) -> dict[str, Any]:
        looked.append((float(draws["centre"].mean()), given["y"]))
        return {"found": 1}

    found = fitted(held_out=HELD_OUT, inspect=inspect)
    alone = fitted(held_out=HELD_OUT, settings=SVI(**{**vars(QUICK), "refit": False}))
    assert found.statistics == {"found": 1}
    assert looked[0][0] == float(alone.draws["centre"].mean())
    assert torch.equal(looked[0][1], HELD_OUT["y"])


@pytest.mark.parametrize("best", [0, 1, 2])
@pytest.mark.parametrize("held_out", [HELD_OUT, None], ids=["held out", "elbo"])
def test_the_best_start_is_kept(best: int, held_out: Batch | None) -> None:
    """One start begins at the truth, the others so far away that 10 steps do not help."""
    begun: list[float] = []

    def start(given: Batch) -> tuple[Deviations, WhitenedGuide]:
        begun.append(2.0 if len(begun) in (best, 3) else 30.0 + len(begun))
        return build(given, begun[-1])

    settings = SVI(max_steps=10, eval_every=5, draws=100, learning_rate=0.001)
    found = fitted(build=start, starts=3, held_out=held_out, settings=settings)
    assert len(begun) == (4 if held_out is not None else 3)
    assert abs(float(found.draws["centre"].mean()) - 2) < 1


def test_starts_have_random_numbers_of_their_own_and_the_refit_those_of_the_best() -> None:
    places: list[float] = []

    def start(given: Batch) -> tuple[Deviations, WhitenedGuide]:
        model, guide = build(given)
        places.append(float(guide.coordinates.loc))
        return model, guide

    fitted(build=start, starts=3, held_out=HELD_OUT)
    assert len(set(places)) == 3
    assert places[3] in places[:3]


def test_the_same_seed_gives_the_same_bits_and_the_global_stream_is_left_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (fitted(held_out=HELD_OUT, seed=seed) for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("label", "at"), [("SVI, start 2 of 2", 30), ("SVI on all rows", 20)])
@pytest.mark.parametrize("warmup", [0, 45])
def test_an_interrupted_training_goes_on_to_the_same_bits(tmp_path: Path, label: str, at: int, warmup: int) -> None:
    """Warm-up: β goes on where it was, which the guide's count of steps tells."""
    settings = {"held_out": HELD_OUT, "starts": 2, "elbo": lambda: LocalKLELBO(1.0, warmup)}
    whole = fitted(**settings)

    def checkpoint() -> Checkpoint:
        return Checkpoint(tmp_path / "states", "mine", seconds=0)

    with pytest.raises(KeyboardInterrupt):
        fitted(**settings, checkpoint=checkpoint(), progress=Labels(label, at))
    labels = Labels()
    resumed = fitted(**settings, checkpoint=checkpoint(), progress=labels)
    assert same(whole, resumed)
    assert "SVI, start 1 of 2" not in labels.done  # it was at its end
    assert label in labels.done
    if warmup:
        assert int(resumed.guide.steps) == resumed.history.steps + 1  # type: ignore[union-attr, arg-type]  # a look before the first
        assert not same(resumed, fitted(**{**settings, "elbo": LocalKLELBO}))
    finished = fitted(**settings, checkpoint=checkpoint())
    assert same(whole, finished)
    with pytest.raises(RunError, match="other settings or other data"):
        fitted(**settings, checkpoint=Checkpoint(tmp_path / "states", "another"))


def test_minibatches() -> None:
    settings = SVI(**{**vars(QUICK), "batch_size": 16, "max_steps": 400})
    found = fitted(settings=settings)
    assert float(found.draws["centre"].mean()) == pytest.approx(float(TRAIN["y"].mean()), abs=0.3)


def test_a_loss_that_is_not_finite_is_told() -> None:
    broken = Batch({"y": TRAIN["y"].clone(), "weight": torch.ones(60)}, 60)
    broken["y"][7] = 1e30
    with pytest.raises(TrainingError, match=r"the loss became nan at step 10"):
        fitted(data=broken)


def test_draws_that_are_not_finite_are_told() -> None:
    def start(given: Batch) -> tuple[Deviations, WhitenedGuide]:
        model, guide = build(given)
        guide.draws = lambda count: {"centre": torch.full((count,), torch.nan)}  # type: ignore[method-assign, assignment]
        return model, guide

    with pytest.raises(TrainingError, match="draws that are not finite"):
        fitted(build=start)


@pytest.mark.parametrize(("settings", "message"), [({"starts": 0}, "starts: found 0"), ({"device": "tpu"}, "--device: found 'tpu'")])
def test_settings_that_are_wrong(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fitted(**settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="sees no CUDA device"):
        fitted(device="cuda")
    assert same(fitted(device="auto"), fitted(device="cpu"))


def test_everything_is_on_the_cpu_afterwards_and_set_to_predict() -> None:
    found = fitted(device="auto")
    assert {p.device.type for p in [*found.model.parameters(), *found.guide.parameters()]} == {"cpu"}  # type: ignore[union-attr]
    assert not found.model.training
    assert {value.dtype for value in found.draws.values()} == {torch.float32}
