"""Does ``encoder.layer="auto"`` find a layer whose linear model is as good as the best layer's on other prompts?

    OMP_NUM_THREADS=1 PROBRM_DATA=FOLDER python -m benchmarks.layers --out FOLDER [--rows 300] [--splits 10] [--sets ukp pandalm]

Vectors of all layers are kept in --out: the first call takes minutes for each set, the following ones seconds a split. In each split
a fifth of the prompts is tested on (of the example log its test log), and the layer is chosen on the rest, or on --rows of it.
Printed by layer: AUROC of the true preference (example log) or of the action, accuracy on pairs, means over the splits; how often each
layer was chosen; and how far the mean score of the chosen layers lies below that of the best one.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from benchmarks.layer_sets import SETS, Compared
from probrm.encoders import EncoderConfig, Observed, load_encoder
from probrm.encoders import crossvalidated as cv
from probrm.encoders.layers import choose_layer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for vectors; outside the repository")
    parser.add_argument("--rows", default="all", help="rows that are trained on, or all")
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--max-length", type=int, default=EncoderConfig().max_length)
    parser.add_argument("--encoder", default="default")
    parser.add_argument("--pooling", choices=["response", "mean"], default="response", help="what `fit --exportable` costs: mean")
    arguments = parser.parse_args()
    rows = None if arguments.rows == "all" else int(arguments.rows)
    for name in arguments.sets:
        compared = SETS[name](Path(os.environ.get("PROBRM_DATA", "")))
        vectors, positions = encoded(compared, arguments)
        scores, chosen = [], []
        for split in range(arguments.splits):
            train, test = parts(compared, rows, split)
            observed = as_observed(compared, positions, train)
            needed, sample = observed.subsample().texts()
            chosen.append(choose_layer(vectors[:, needed], sample).layer)
            whole = as_observed(compared, positions, np.concatenate([train, test]))
            truth = compared.truth[test], compared.tested is not None
            scores.append([score(layer, whole, len(train), *truth) for layer in vectors])
        mean = np.mean(scores, 0)
        lost = mean.max() - mean[chosen].mean()
        counts = np.bincount(chosen, minlength=len(mean)).tolist()
        print(f"{name:14} {arguments.rows:>4} {' '.join(f'{value:.3f}' for value in mean)}  chosen {counts}  lost {lost:.4f}", flush=True)


def encoded(compared: Compared, arguments: argparse.Namespace) -> tuple[np.ndarray, dict[object, int]]:
    """Vectors ``(l, t, d)`` of the distinct texts, and where each stands."""
    texts = list(dict.fromkeys(compared.texts))
    pooling = "" if arguments.pooling == "response" else f"-{arguments.pooling}"
    path = arguments.out / f"{compared.name}-{Path(arguments.encoder).name}-{arguments.max_length}{pooling}.npy"
    if not path.exists():
        how = {"layer": "auto", "prompt_layer": "auto", "max_length": arguments.max_length, "pooling": arguments.pooling}
        settings = EncoderConfig(name=arguments.encoder, **how)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, load_encoder(settings).every_layer(texts).half().numpy())
    return np.load(path).astype(np.float32), {text: at for at, text in enumerate(texts)}


def parts(compared: Compared, rows: int | None, split: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions that are trained and tested on; five splits are the folds of one partition of the prompts."""
    draw = np.random.default_rng(split)
    if compared.tested is not None:
        train, test = np.flatnonzero(~compared.tested), np.flatnonzero(compared.tested)
    else:
        folds = GroupKFold(5, shuffle=True, random_state=split // 5)
        train, test = list(folds.split(compared.answers, groups=compared.prompts))[split % 5]
    return (train if rows is None else np.sort(draw.permutation(train)[:rows])), test


def as_observed(compared: Compared, positions: dict[object, int], rows: np.ndarray) -> Observed:
    """Some rows as the choice takes them."""
    codes = np.unique(compared.prompts, return_inverse=True)[1]
    users = None if compared.users is None else np.unique(compared.users.astype(str), return_inverse=True)[1]
    answers, others = (None if side is None else np.array([positions[c] for c in side]) for side in (compared.answers, compared.others))
    assert answers is not None
    weight = np.ones(len(codes))
    return Observed(answers, codes, compared.observed, weight, other=others, covariates=compared.covariates, user=users).take(rows)


def score(vectors: np.ndarray, whole: Observed, trained: int, truth: np.ndarray, preference: bool) -> float:
    """Of the linear model of the first ``trained`` rows on the others, at the scale of the prior that their folds prefer.

    ``preference``: the truth is not what was observed: what makes users act is left out of the prediction.
    """
    used = np.unique(np.concatenate([side[:trained] for side in (whole.answer, whole.other) if side is not None]))
    spread = vectors[used].std(0)
    scaled = (vectors - vectors[used].mean(0)) / np.where(spread > 1e-6, spread, 1.0) / np.sqrt(vectors.shape[1])
    features = scaled[whole.answer] if whole.other is None else scaled[whole.answer] - scaled[whole.other]
    columns, precision = whole.nuisance()
    design = torch.from_numpy(np.concatenate([features, columns], 1)).float()
    target = torch.from_numpy(whole.outcome).float()[:, None]
    masks = torch.cat([cv._training(whole.group[:trained]), torch.ones(trained, 1)], 1)
    weights, best = torch.zeros(design.shape[1], masks.shape[1]), (-np.inf, torch.zeros(0))
    for scale in cv.SCALES:
        penalty = torch.from_numpy(np.concatenate([np.full(features.shape[1], scale**-2), precision])).float()
        weights = cv._fit(design[:trained], target[:trained], masks, penalty, weights)
        logits = design[:trained] @ weights[:, :-1]
        likelihood = (target[:trained] * logits - torch.nn.functional.softplus(logits)) * (1 - masks[:, :-1])
        best = max(best, (float(likelihood.sum()), weights[:, -1]), key=lambda found: found[0])
    size = features.shape[1] if preference else design.shape[1]
    found = (design[trained:, :size] @ best[1][:size]).numpy()
    return float(np.mean(found > 0) + np.mean(found == 0) / 2) if whole.other is not None else float(roc_auc_score(truth, found))


if __name__ == "__main__":
    main()
