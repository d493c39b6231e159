"""Where the variational reward model's guide begins: at Bradley–Terry with response effects, all objectives alike.

While all prompts weigh the objectives alike, the data speak of what the objectives share only: that part of the guide
starts at Bradley–Terry's posterior, the contrasts at their prior.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from probrm.data.batch import Batch
from probrm.guides import GuideConfig, Layout, WhitenedGuide, Whitening
from probrm.guides.registry import Amortised
from probrm.progress import Progress, silent
from probrm_models.vrm.model import VRMModel
from probrm_models.vrm.networks import AmortisedFeatures
from probrm_models.vrm.row_guide import ResponseTable, VRMRowGuide
from probrm_models.vrm.warm_start.at_gate import Start, around_gate, effects_of
from probrm_models.vrm.warm_start.interaction import interact
from probrm_models.vrm.warm_start.random_effects import ResponseEffects

_ASIDE = 0.02
"""Prior standard deviations between the objectives at the start, so that they can part."""
_PART = 0.5
"""Scale of the contrasts at the start, in that of the shared weights."""
_COLD = 0.1
"""Widths where there is no Laplace approximation to start from."""


class SharedDirection(nn.Module):
    """Whitened coordinates ε → flat latents: ``v = m + L ε``, contrasts ``c ε``, other coordinates ``loc + width ε``.

    c is the scale of the contrasts' prior in the same draw: contrasts of which the data say little are as wide as their
    prior, and breathe with it.

    Args:
        layout: of the model's globals; has ``shared``.
        mean: ``m (D,)``, Bradley–Terry's weights.
        factor: ``L (D, D)``, lower, of their covariance.
        centres: of the other sites, unconstrained.
        widths: their standard deviations.
        scale: c where it is no site: the prior's scale is a number.
    """

    loc: Tensor
    factor: Tensor
    widths: Tensor

    def __init__(
        self,
        layout: Layout,
        mean: Float[Tensor, " d"],
        factor: Float[Tensor, "d d"],
        centres: dict[str, float],
        widths: dict[str, float],
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        sites = {site.name: site.flat for site in layout.sites}
        self._shared, self._contrasts = sites["shared"], sites.get("contrasts", slice(0, 0))
        self._scale_at = sites["contrasts_scale"].start if "contrasts_scale" in sites else None
        self._log_scale = math.log(scale)
        loc, spread = torch.zeros(layout.size), torch.ones(layout.size)
        for name, centre in centres.items():
            loc[sites[name]], spread[sites[name]] = centre, widths[name]
        loc[self._shared] = mean
        self.register_buffer("loc", loc)
        self.register_buffer("factor", factor)
        self.register_buffer("widths", spread)

    def _log_c(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s"]:
        return z[..., self._scale_at] if self._scale_at is not None else z.new_full(z.shape[:-1], self._log_scale)

    def forward(self, epsilon: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From whitened to unconstrained coordinates."""
        z = self.loc + self.widths * epsilon
        shared = self.loc[self._shared] + epsilon[..., self._shared] @ self.factor.T
        contrasts = self._log_c(z).exp()[..., None] * epsilon[..., self._contrasts]
        return self._with(z, shared, contrasts)

    def inverse(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s D"]:
        """From unconstrained to whitened coordinates."""
        shared = torch.linalg.solve_triangular(self.factor, (z - self.loc)[..., self._shared, None], upper=False)[..., 0]
        contrasts = (-self._log_c(z)).exp()[..., None] * z[..., self._contrasts]
        return self._with((z - self.loc) / self.widths, shared, contrasts)

    def _with(self, others: Tensor, shared: Tensor, contrasts: Tensor) -> Tensor:
        """A flat vector with these two blocks in their places."""
        parts = sorted([(self._shared, shared), (self._contrasts, contrasts)], key=lambda part: part[0].start)
        pieces, start = [], 0
        for place, value in parts:
            pieces += [others[..., start : place.start], value]
            start = max(start, place.stop)
        return torch.cat([*pieces, others[..., start:]], -1)

    def log_det(self, z: Float[Tensor, "*s D"]) -> Float[Tensor, "*s"]:
        """``log |dz / dε|`` where the map arrives at ``z``."""
        count = self._contrasts.stop - self._contrasts.start
        return self.widths.log().sum() + self.factor.diagonal().log().sum() + count * self._log_c(z)


def build_guide(
    model: VRMModel, rows: Batch, config: GuideConfig, progress: Progress = silent, start: Start | None = None
) -> WhitenedGuide:
    """The guide over all latents of ``rows``, at its start.

    Args:
        model: on the CPU or a GPU, like the rows.
        rows: training pairs with indices of prompts and responses.
        config: the family over the globals; ``amortised`` takes a network of the embedding for the responses' residuals too.
        progress: shows the rounds of the start.
        start: what was settled before; with a gate the guide begins at the gated model's mode.
    """
    layout = Layout.of(model, rows)
    held = next((site.flat.start for site in layout.sites if site.name == "residual"), None) if start and start.held else None
    family, amortised = config.family(layout, held), isinstance(config, Amortised)
    if model.standard:
        return WhitenedGuide(layout, _cold(layout), family, VRMRowGuide(model.weights, model.features, own=False))  # type: ignore[arg-type]
    if start is not None:
        coordinates = (
            _coordinates(model, layout, start.effects, start.residual) if start.gate is None else around_gate(model, layout, start)
        )
        return WhitenedGuide(layout, coordinates, family, _rows(model, start.effects, math.exp(start.residual[0]), amortised))
    difference = model.inputs(rows["chosen"]) - model.inputs(rows["rejected"])
    found = effects_of(rows, difference, None, progress=progress)
    place = _place(layout, "contrasts")
    family.loc.data[place].normal_(std=_ASIDE)  # type: ignore[union-attr]
    apart = interact(model, rows, difference, _surprise(rows, difference, found))
    if apart is not None:
        family.loc.data[place] += apart.flatten() / (_PART * found.scale)  # type: ignore[union-attr]
    # What one number was for a response, K numbers under weights of the prior are: their weighted sum is as wide.
    tau = found.residual / _length(model, rows)
    coordinates = _coordinates(model, layout, found, (math.log(tau), 0.05))
    return WhitenedGuide(layout, coordinates, family, _rows(model, found, tau, amortised))


def _coordinates(model: VRMModel, layout: Layout, found: ResponseEffects, residual: tuple[float, float]) -> nn.Module:
    known = {"shared_scale": found.scale, "contrasts_scale": _PART * found.scale}
    others = [site.name for site in layout.sites if site.name not in ("shared", "contrasts")]
    centres = {name: math.log(known[name]) if name in known else 0.0 for name in others}
    widths = {name: 0.05 if name == "shared_scale" else 0.3 for name in others}
    if "residual" in centres:
        centres["residual"], widths["residual"] = residual
    scale = getattr(model.config.priors.contrasts, "scale", 1.0)
    fixed = float(scale) if isinstance(scale, int | float) else 1.0
    return SharedDirection(layout, found.weights.float(), found.factor.float(), centres, widths, fixed)


def _rows(model: VRMModel, found: ResponseEffects, tau: float, amortised: bool) -> VRMRowGuide:
    if amortised:
        standardised = replace(model.config.features, loc=0.0, scale=1.0)
        return VRMRowGuide(model.weights, AmortisedFeatures(standardised, model.shape.embedding, model.dim), own=True)
    loc = (found.effects.float() / tau)[:, None].expand(-1, model.count)
    scale = (found.effect_sd.float() / found.residual).clamp(max=1.0)[:, None].expand(-1, model.count)
    return VRMRowGuide(model.weights, ResponseTable(loc, scale), own=True)


def _place(layout: Layout, name: str) -> slice:
    return next((site.flat for site in layout.sites if site.name == name), slice(0, 0))


def _surprise(rows: Batch, difference: Float[Tensor, "n d"], found: ResponseEffects) -> Float[Tensor, " n"]:
    """Outcomes minus what Bradley–Terry with response effects says of a new pair, weighed so that each response counts once."""
    mean = difference @ found.weights.float()
    spread = (difference @ found.factor.float()).square().sum(-1) + 2 * found.residual**2
    probability = torch.sigmoid(mean / (1 + torch.pi / 8 * spread).sqrt())  # MacKay (1992)
    counts = rows["chosen_share"] + rows["rejected_share"] if "chosen_share" in rows else torch.ones_like(mean)
    return (rows["outcome"] - probability) * rows["weight"] * counts


@torch.no_grad()
def _length(model: VRMModel, rows: Batch) -> float:
    """Root mean square length of a prompt's weights under their prior."""
    prior = model.weights.prior(1, rows["prompt"])
    return float(model.weights.weights(prior.sample((4000,))).square().sum(-1).mean().sqrt())


def _cold(layout: Layout) -> Whitening:
    """Independent coordinates, displaced at random: networks and decoder are symmetric at the origin."""
    hyper = layout.hyper()
    loc = torch.where(hyper, 0.0, 0.3 * torch.randn(layout.size))
    return Whitening.diagonal(loc, torch.full((layout.size,), _COLD))
