from __future__ import annotations

import numpy as np
import torch

from probrm.data import Batch
from probrm.recipes.row_figures import Shown
from probrm_models.vrm.config import VRMShape
from probrm_models.vrm.figures import contributions, objective_weights, pair_contributions
from probrm_models.vrm.model import VRMModel
from tests.probrm.figures.drawn import check_look, points, segments, texts


def test_weights_across_prompts() -> None:
    weights = np.random.default_rng(0).dirichlet([1, 2, 3], 500)
    figure = objective_weights(("a", "b", "c"), weights)
    for k, axes in enumerate(figure.axes):
        np.testing.assert_allclose(axes.patches[0].get_data().values.sum(), 1)  # type: ignore[attr-defined]
        np.testing.assert_allclose(points(axes, 0)[0], np.quantile(weights[:, k], [0.05, 0.95]))
        np.testing.assert_allclose(points(axes, 1)[0], [weights[:, k].mean()])
    assert f"b: {weights[:, 1].mean():.2f} ± {weights[:, 1].std():.2f}" in texts(figure)
    check_look(figure)


def test_of_many_objectives_those_that_vary_most() -> None:
    weights = np.random.default_rng(0).dirichlet(np.arange(1.0, 13), 100)
    figure = objective_weights(tuple(f"o{i}" for i in range(12)), weights)
    assert len(figure.axes) == 8
    first = f"o{weights.std(0).argmax()}"
    assert figure.axes[0].get_title(loc="left").startswith(first)  # type: ignore[call-overload]
    check_look(figure)


def test_contributions_largest_first() -> None:
    each = np.array([[0.1, -2.0], [0.2, 3.0], [0.9, 0.5]])
    figure = contributions(("small", "large"), each)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["large", "small"]
    np.testing.assert_allclose(points(axes)[0], [0.5, 0.4])
    np.testing.assert_allclose(segments(axes)[:, :, 0], np.quantile(each[:, ::-1], [0.05, 0.95], axis=0).T)
    assert [text.get_text() for text in axes.texts] == ["67%", "33%"]
    check_look(figure)


def test_contributions_add_up_to_the_difference_of_mean_rewards() -> None:
    """With one draw of the globals and known weights the reward is linear: Σ_k w_k V_k (h − h')."""
    model = VRMModel(VRMShape(embedding=4, prompt=3, objectives=("a", "b")))
    values = {"shared": torch.randn(1, 4), "contrasts": torch.randn(1, 1, 4)}
    batch = Batch({"prompt": torch.randn(5, 3), "chosen": torch.randn(5, 4), "rejected": torch.randn(5, 4)}, 5)
    shown = Shown(batch, values, np.zeros(5, bool), np.ones(5), np.arange(5), "")
    weights = torch.distributions.Dirichlet(torch.ones(2)).sample((5,))
    found = pair_contributions(model, shown, weights)
    objectives = model.objectives({name: value[0] for name, value in values.items()})
    for i in range(5):
        gap = objectives @ (model.inputs(batch["chosen"]) - model.inputs(batch["rejected"]))[i]
        np.testing.assert_allclose(found[i], (weights[i] * gap).detach().numpy(), rtol=1e-5, atol=1e-6)
