from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from probrm.heads import HeadConfig, LinearTrunk, MLPTrunk, Trunk, build_trunk, columns, last_layer


def test_the_linear_trunk_divides_by_the_root_of_the_size_and_has_no_parameters() -> None:
    trunk = build_trunk(HeadConfig(), 9)
    x = torch.randn(5, 9)
    assert isinstance(trunk, LinearTrunk)
    assert isinstance(trunk, Trunk)
    assert trunk.out_dim == 9
    assert torch.equal(trunk(x), x / 3.0)
    assert not list(trunk.parameters())


@pytest.mark.parametrize("hidden", [(5,), (16, 8), (7, 7, 3)])
def test_mlp_features_have_unit_squared_length(hidden: tuple[int, ...]) -> None:
    trunk = build_trunk(HeadConfig(name="mlp", hidden=hidden), 9)
    assert isinstance(trunk, MLPTrunk)
    assert [layer.weight.shape for layer in trunk.layers] == [(b, a) for a, b in zip((9, *hidden), hidden, strict=False)]  # type: ignore[union-attr]
    assert trunk.out_dim == hidden[-1]
    features = trunk(torch.randn(50, 9)).detach()
    assert features.shape == (50, hidden[-1])
    lengths = features.square().sum(-1)
    assert float(lengths.max()) < 1 + 1e-5
    assert float(lengths.min()) > 0.9  # LayerNorm adds 1e-5 to the variance, a few per cent of a deep fresh net's


def test_mlp_is_the_formula() -> None:
    trunk = MLPTrunk(4, (6, 3)).double()
    x = torch.randn(5, 4, dtype=torch.float64)
    h = x
    for layer in trunk.layers:
        h = h @ layer.weight.T + layer.bias  # type: ignore[operator]
        h = h * torch.special.ndtr(h)  # gelu
    expected = (h - h.mean(-1, keepdim=True)) / (h.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt() / 3**0.5
    assert torch.allclose(trunk(x), expected, atol=1e-8)


@pytest.mark.parametrize("bad", [{"name": "lstm"}, {"hidden": []}, {"hidden": [0]}, {"hidden": [8, -1]}, {"width": 3}], ids=repr)
def test_bad_settings_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(HeadConfig).validate_python(bad)


@pytest.mark.parametrize("name", ["linear", "mlp"])
@pytest.mark.parametrize("draws", [(), (3,)], ids=["one draw", "three"])
def test_a_last_layer_is_the_weights_on_the_features(name: Any, draws: tuple[int, ...]) -> None:
    trunk = build_trunk(HeadConfig(name), 9)
    x, weights = torch.randn(5, 9), torch.randn(*draws, trunk.out_dim)
    torch.testing.assert_close(last_layer(trunk, weights, x), weights @ trunk(x).T)
    assert (columns(trunk, x) is x) == (name == "linear")
