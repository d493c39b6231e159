"""The head's coefficients at the minimum of a penalised risk: L-BFGS over all rows, or Adam over minibatches."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import minimize
from torch import Tensor

from probrm.errors import TrainingError
from probrm_models.baselines.config import BaselineConfig


class Objective(Protocol):
    """A risk of rows: their losses, summed, in nats."""

    def __call__(self, reward: Float[Tensor, " b"], rows: Int[Tensor, " b"]) -> Float[Tensor, ""]:
        """The sum over ``rows`` (positions in the data set), whose rewards are given."""
        ...


def fit_head(
    objective: Objective,
    x: Float[Tensor, "n p"],
    penalty: Float[Tensor, " p"],
    config: BaselineConfig,
    *,
    start: Float[Tensor, " p"] | None = None,
    seed: int = 0,
) -> Float[Tensor, " p"]:
    """The minimum of ``objective + ½ Σ penalty θ²`` over ``θ``.

    Args:
        objective: the risk.
        x: design.
        penalty: precision of each coefficient.
        config: says which optimiser.
        start: where it begins; zero by default.
        seed: of Adam's minibatches.

    Raises:
        TrainingError: the risk is not finite.
    """
    theta = torch.zeros(x.shape[1], dtype=x.dtype) if start is None else start.clone()
    found = _lbfgs(objective, x, penalty, theta) if config.optimiser == "lbfgs" else _adam(objective, x, penalty, theta, config, seed)
    if not bool(torch.isfinite(found).all()):
        raise TrainingError("the weights of a baseline are not finite", fix="lower the learning rate: --set model.learning_rate=0.005")
    return found


def _lbfgs(objective: Objective, x: Tensor, penalty: Tensor, theta: Tensor) -> Tensor:
    everything = torch.arange(len(x))
    design, precision = x.numpy(), penalty.numpy()

    def value(at: np.ndarray) -> tuple[float, np.ndarray]:
        with torch.enable_grad():  # through the n rewards alone; the chain's linear part is one product
            reward = torch.from_numpy(design @ at).requires_grad_()
            risk = objective(reward, everything)
            (slope,) = torch.autograd.grad(risk, reward)
        return float(risk.detach()) + 0.5 * float(precision @ at**2), design.T @ slope.numpy() + precision * at

    found = minimize(value, theta.numpy(), jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-12, "gtol": 1e-6, "maxcor": 20})
    return torch.from_numpy(np.asarray(found.x))


def _adam(objective: Objective, x: Tensor, penalty: Tensor, theta: Tensor, config: BaselineConfig, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    theta.requires_grad_()
    optimiser = torch.optim.Adam([theta], lr=config.learning_rate)
    for _ in range(config.epochs):
        for rows in torch.randperm(len(x), generator=generator).split(config.batch_size):
            with torch.enable_grad():
                risk = objective(x[rows] @ theta, rows) * (len(x) / len(rows)) + 0.5 * (penalty * theta**2).sum()
                (theta.grad,) = torch.autograd.grad(risk / len(x), theta)
            optimiser.step()
    return theta.detach()
