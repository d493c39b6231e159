"""The evidence lower bound with its divergences in the open."""

from __future__ import annotations

import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import TraceMeanField_ELBO
from torch import Tensor, nn

from probrm.data import Batch
from probrm.inference.svi.elbo import LocalKLELBO, divergence

# ---- the divergences themselves


def dirichlet_kl(a: Tensor, b: Tensor) -> Tensor:
    """``lnΓ(Σα) − Σ lnΓ(α_k) − lnΓ(Σα0) + Σ lnΓ(α0_k) + Σ (α_k − α0_k)(ψ(α_k) − ψ(Σα))``."""
    total, total0 = a.sum(-1), b.sum(-1)
    logs = total.lgamma() - a.lgamma().sum(-1) - total0.lgamma() + b.lgamma().sum(-1)
    return logs + ((a - b) * (a.digamma() - total.digamma()[..., None])).sum(-1)


def gaussian_kl(mean: Tensor, covariance: Tensor, mean0: Tensor, covariance0: Tensor) -> Tensor:
    """``½ [tr(Σ0⁻¹Σ) + (μ0 − μ)ᵀΣ0⁻¹(μ0 − μ) − d + ln(|Σ0| / |Σ|)]``."""
    precision, gap = torch.linalg.inv(covariance0), mean0 - mean
    volume = torch.linalg.slogdet(covariance0)[1] - torch.linalg.slogdet(covariance)[1]
    return (torch.trace(precision @ covariance) + gap @ precision @ gap - len(mean) + volume) / 2


def test_dirichlet_in_closed_form(double: None) -> None:
    q, p = torch.rand(7, 4) * 5 + 0.05, torch.tensor([0.3, 1.0, 2.5, 4.0])
    found = divergence(dist.Dirichlet(q), dist.Dirichlet(p.expand(7, 4)))
    assert found.shape == (7, 1)
    torch.testing.assert_close(found[:, 0], dirichlet_kl(q, p), atol=1e-10, rtol=0)


def test_diagonal_normal_in_closed_form_by_dimension(double: None) -> None:
    """μ0 is not 0, Σ0 not the identity."""
    loc, scale = torch.randn(3), torch.rand(3) + 0.2
    loc0, scale0 = torch.tensor([0.7, -2.0, 0.1]), torch.tensor([2.0, 0.5, 1.3])
    q, p = (dist.Normal(m.expand(5, 3), s.expand(5, 3)).to_event(1) for m, s in ((loc, scale), (loc0, scale0)))
    found = divergence(q, p)
    assert found.shape == (5, 3)
    for i in range(3):
        alone = gaussian_kl(loc[i : i + 1], torch.diag(scale[i : i + 1] ** 2), loc0[i : i + 1], torch.diag(scale0[i : i + 1] ** 2))
        torch.testing.assert_close(found[:, i], alone.expand(5), atol=1e-10, rtol=0)
    whole = gaussian_kl(loc, torch.diag(scale**2), loc0, torch.diag(scale0**2))
    torch.testing.assert_close(found.sum(-1), whole.expand(5), atol=1e-10, rtol=0)


def test_normal_with_any_covariance_in_closed_form(double: None) -> None:
    roots = [torch.randn(3, 3).tril(-1) + torch.diag(torch.rand(3) + 0.5) for _ in range(2)]
    means = torch.randn(3), torch.randn(3)
    q, p = (dist.MultivariateNormal(m.expand(2, 3), scale_tril=root) for m, root in zip(means, roots, strict=True))
    covariances = [root @ root.T for root in roots]
    expected = gaussian_kl(means[0], covariances[0], means[1], covariances[1])
    torch.testing.assert_close(divergence(q, p), expected.expand(2, 1), atol=1e-10, rtol=0)


@pytest.mark.parametrize("family", ["dirichlet", "normal", "logistic-normal"])
def test_closed_forms_agree_with_monte_carlo(family: str, double: None) -> None:
    """Within 5 standard errors: fails once in a million.

    The logistic-normal's is that of its logits, which bounds that of the weights from above (data processing).
    """
    if family == "dirichlet":
        q, p = dist.Dirichlet(torch.tensor([[0.8, 3.0, 1.7]])), dist.Dirichlet(torch.tensor([[2.0, 0.5, 1.2]]))
    else:
        q = dist.Normal(torch.tensor([[0.5, -1.0, 0.2]]), torch.tensor([[0.4, 1.5, 0.9]])).to_event(1)
        p = dist.Normal(torch.tensor([[0.0, 0.0, 0.0]]), 1.7).to_event(1)
    z = q.sample((200_000,))
    ratio = (q.log_prob(z) - p.log_prob(z))[:, 0]
    closed = float(divergence(q, p).sum())
    assert float(ratio.mean()) == pytest.approx(closed, abs=5 * float(ratio.std()) / len(ratio) ** 0.5)
    if family == "logistic-normal":
        # Of softmax(η) only contrasts are left; their densities are normal in the K − 1 log ratios to the last.
        a = torch.cat([torch.eye(2), -torch.ones(2, 1)], 1)
        moments = [(a @ d.base_dist.loc[0], a @ torch.diag(d.base_dist.scale[0] ** 2) @ a.T) for d in (q, p)]  # type: ignore[attr-defined]
        assert float(gaussian_kl(*moments[0], *moments[1])) < closed


# ---- the bound


ROWS = 6
Y = torch.tensor([0.3, -1.0, 2.0, 0.1, 0.8, -0.4])


class Plain(nn.Module):
    """A scale, a mean in each row, and Dirichlet weights in each row, with divergences that count differently by row."""

    def __init__(self, globals_: bool = True) -> None:
        super().__init__()
        self.globals = globals_

    def forward(self, batch: Batch) -> None:
        centre = pyro.sample("centre", dist.Normal(0.5, 2.0)) if self.globals else torch.tensor(0.5)
        with pyro.plate("rows", len(batch), dim=-1):
            with poutine.scale(scale=batch["share"] * batch.scale):  # type: ignore[arg-type]
                z = pyro.sample("z", dist.Normal(0.3 * torch.ones(len(batch), 2), 1.5).to_event(1))
            with poutine.scale(scale=batch.scale):
                w = pyro.sample("w", dist.Dirichlet(torch.tensor([0.7, 2.0]).expand(len(batch), 2)))
            with poutine.scale(scale=batch["weight"] * batch.scale):  # type: ignore[arg-type]
                pyro.sample("y", dist.Normal((w * z).sum(-1) + centre, 1.0), obs=batch["y"])


class PlainGuide(nn.Module):
    """Ordinary Pyro sites for the same latents."""

    steps: Tensor

    def __init__(self, centre: Any = None) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        generator = torch.Generator().manual_seed(1)
        self.centre = centre
        self.loc = nn.Parameter(torch.randn(ROWS, 2, generator=generator))
        self.log_scale = nn.Parameter(0.3 * torch.randn(ROWS, 2, generator=generator))
        self.log_alpha = nn.Parameter(torch.randn(ROWS, 2, generator=generator))

    def forward(self, batch: Batch) -> None:
        if self.centre is not None:
            pyro.sample("centre", self.centre)
        index = batch["index"]
        with pyro.plate("rows", len(batch), dim=-1):
            with poutine.scale(scale=batch["share"] * batch.scale):  # type: ignore[arg-type]
                pyro.sample("z", dist.Normal(self.loc[index], self.log_scale[index].exp()).to_event(1))
            with poutine.scale(scale=batch.scale):
                pyro.sample("w", dist.Dirichlet(self.log_alpha[index].exp()))


def rows(share: float | Tensor = 1.0) -> Batch:
    columns = {
        "y": Y,
        "share": torch.as_tensor(share).expand(ROWS),
        "weight": torch.linspace(0.5, 2.0, ROWS),
        "index": torch.arange(ROWS),
    }
    return Batch(columns, ROWS)


def one_loss(elbo: Any, model: nn.Module, guide: nn.Module, batch: Batch, seed: int = 0) -> Tensor:
    pyro.set_rng_seed(seed)
    return elbo.differentiable_loss(model, guide, batch)


@pytest.mark.parametrize("globals_", [False, True])
def test_it_is_pyros_bound_without_remedies(globals_: bool) -> None:
    """Same seed, same draw, same number, same gradient; a point for the global latent, so that its term has no noise in either."""
    model, batch = Plain(globals_), rows(torch.linspace(0.2, 1.0, ROWS))
    found, gradients = [], []
    for elbo in (LocalKLELBO(), TraceMeanField_ELBO()):
        guide = PlainGuide(dist.Delta(torch.tensor(0.1)) if globals_ else None)
        loss = one_loss(elbo, model, guide, batch)
        loss.backward()
        found.append(loss.detach())
        gradients.append([p.grad for p in guide.parameters()])
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(gradients[0], gradients[1])


def test_global_latents_enter_by_their_draw() -> None:
    """On average Pyro's bound, which has their divergence in closed form: within 5 standard errors, fails once in a million."""
    model, batch = Plain(), rows()
    guide = PlainGuide(dist.Normal(torch.tensor(-0.4), 0.6))
    with torch.no_grad():
        difference = torch.stack(
            [one_loss(LocalKLELBO(), model, guide, batch, s) - one_loss(TraceMeanField_ELBO(), model, guide, batch, s) for s in range(200)]
        )
    assert float(difference.std()) > 0.1  # the draw's noise is in ours alone
    assert abs(float(difference.mean())) < 5 * float(difference.std()) / 200**0.5


def test_shares_and_weight_enter_linearly() -> None:
    """The loss is the reconstruction's + β (share × divergence of z + divergence of w)."""
    model, guide = Plain(False), PlainGuide()
    z = divergence(dist.Normal(guide.loc, guide.log_scale.exp()).to_event(1), dist.Normal(0.3 * torch.ones(ROWS, 2), 1.5).to_event(1))
    w = divergence(dist.Dirichlet(guide.log_alpha.exp()), dist.Dirichlet(torch.tensor([0.7, 2.0]).expand(ROWS, 2)))
    share = torch.linspace(0.2, 1.0, ROWS)

    def loss(beta: float, share: Any) -> Tensor:
        return one_loss(LocalKLELBO(beta), model, guide, rows(share))

    rest = loss(1.0, 1.0) - z.sum() - w.sum()
    for beta in (0.25, 1.0, 3.0):
        torch.testing.assert_close(loss(beta, share), rest + beta * ((share * z.sum(-1)).sum() + w.sum()))


def test_a_minibatch_stands_for_all_rows() -> None:
    model, guide, batch = Plain(False), PlainGuide(), rows(torch.linspace(0.2, 1.0, ROWS))

    def closed(part: Batch) -> Tensor:
        """The closed forms alone: β times them is the difference of two losses at one draw."""
        return one_loss(LocalKLELBO(2.0), model, guide, part) - one_loss(LocalKLELBO(1.0), model, guide, part)

    thirds = torch.stack([closed(batch.slice(i, i + 2)) for i in (0, 2, 4)])
    assert thirds.std() > 0.1
    torch.testing.assert_close(thirds.mean(), closed(batch))


def test_warm_up_raises_beta_in_equal_steps_and_the_guide_counts_them() -> None:
    elbo = LocalKLELBO(2.0, warmup=4)
    assert [elbo.beta(step) for step in range(6)] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.0]
    assert LocalKLELBO(2.0).beta(0) == 2.0
    model, guide, batch = Plain(False), PlainGuide(), rows()
    expected = [float(one_loss(LocalKLELBO(max(b, 1e-9)), model, guide, batch).detach()) for b in (0.0, 0.5, 1.0, 1.5, 2.0, 2.0)]
    found = [float(one_loss(elbo, model, guide, batch).detach()) for _ in range(6)]
    assert found == pytest.approx(expected, rel=1e-6)
    assert int(guide.steps) == 6


def test_a_look_at_the_loss_is_no_step() -> None:
    elbo, guide = LocalKLELBO(1.0, warmup=4), PlainGuide()
    assert math.isfinite(elbo.loss(Plain(False), guide, rows()))
    assert int(guide.steps) == 0
    LocalKLELBO().differentiable_loss(Plain(False), guide, rows())
    assert int(guide.steps) == 0  # nothing to count without warm-up


def test_free_bits_shield_a_dimension_below_the_floor_and_leave_others_alone() -> None:
    """Dimension 0 of z is at 0.02 nats on average, dimension 1 at about 2; w (one term) at its prior, 0 nats."""
    model, batch = Plain(False), rows(torch.linspace(0.2, 1.0, ROWS))
    guide = PlainGuide()
    with torch.no_grad():
        guide.loc[:, 0], guide.log_scale[:, 0] = 0.6, math.log(1.5)
        guide.loc[:, 1], guide.log_scale[:, 1] = 3.0, math.log(1.0)
        guide.log_alpha[:] = torch.tensor([0.7, 2.0]).log()

    def divergences(free: float) -> tuple[Tensor, list[Tensor]]:
        """The closed forms' share of the loss, and its gradients."""
        loss = one_loss(LocalKLELBO(2.0, free_bits=free), model, guide, batch) - one_loss(
            LocalKLELBO(1.0, free_bits=free), model, guide, batch
        )
        return loss, list(torch.autograd.grad(loss, list(guide.parameters())))

    (plain, (loc, log_scale, _)), (floored, (loc_f, log_scale_f, alpha_f)) = divergences(0.0), divergences(0.1)
    assert float(loc[:, 0].abs().min()) > 0.001
    assert float(loc_f[:, 0].abs().max()) < 1e-6
    assert float(log_scale_f[:, 0].abs().max()) < 1e-6
    assert float(alpha_f.abs().max()) < 1e-6
    torch.testing.assert_close(loc_f[:, 1], loc[:, 1])
    torch.testing.assert_close(log_scale_f[:, 1], log_scale[:, 1])
    # What stands in their place: 0.1 nats times the latents that there are (shares of z, one w a row).
    nats = divergence(
        dist.Normal(guide.loc[:, :1], guide.log_scale[:, :1].exp()).to_event(1), dist.Normal(0.3 * torch.ones(ROWS, 1), 1.5).to_event(1)
    )
    assert 0 < nats.mean() < 0.05
    expected = plain - (batch["share"] * nats[:, 0]).sum() + 0.1 * batch["share"].sum() + 0.1 * ROWS
    torch.testing.assert_close(floored, expected)


def test_gradients_are_those_of_finite_differences(double: None) -> None:
    model, guide = Plain(False).double(), PlainGuide().double()
    batch = rows(torch.linspace(0.2, 1.0, ROWS)).to(dtype=torch.float64)
    pyro.set_rng_seed(0)
    noise = torch.randn(ROWS, 2)

    def loss(loc: Tensor, log_scale: Tensor) -> Tensor:
        """At the same standard normal draws, w held fixed: the draw of a Dirichlet is not smooth in the seed."""
        guide.loc, guide.log_scale = loc, log_scale  # type: ignore[assignment]
        fixed = {"z": loc + log_scale.exp() * noise, "w": torch.full((ROWS, 2), 0.5)}

        class Same(LocalKLELBO):
            def _get_trace(self, model: Any, guide: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
                drawn = poutine.trace(guide).get_trace(*args)
                for name, value in fixed.items():
                    drawn.nodes[name]["value"] = value
                joint = poutine.trace(poutine.replay(model, trace=drawn)).get_trace(*args)
                for trace in (joint, drawn):
                    trace.remove_node("rows")
                return joint, drawn

        return Same(0.7, free_bits=0.05).differentiable_loss(model, guide, batch)

    start = [guide.loc.detach().requires_grad_(), guide.log_scale.detach().requires_grad_()]
    del guide._parameters["loc"], guide._parameters["log_scale"]
    assert torch.autograd.gradcheck(loss, start)
