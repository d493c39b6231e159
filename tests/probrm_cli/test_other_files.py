"""Runs fitted to logs on pairs, and runs fitted to pairs on logs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import probrm
from probrm.data import Conversation, FeatureMap
from probrm.encoders import write_store
from probrm.errors import ConfigError
from probrm.recipes.logs.scoring import check_texts_suffice
from tests import pair_support, support
from tests.pair_shapes import PAIRS, SHAPES, rows_of, write_rows
from tests.support import call, refused

SIDES = ("reward_chosen", "reward_rejected", "reward_difference", "p_chosen")


def log_run(verb: str, *args: str, run: str | None = None) -> Any:
    return call(verb, run or support.short_run_path(), "--embeddings", support.store_path(), *args)


def pair_run(verb: str, *args: str) -> Any:
    return call(verb, pair_support.run_path(), "--embeddings", pair_support.store_path(), *args)


def answers() -> Any:
    """Pairs of different answers to one prompt, from the rows whose vectors the store has; the one with the better label is chosen."""
    frame = support.log_frame(200, seed=1).drop_duplicates(["prompt", "response"])
    rows = []
    for prompt, group in frame.groupby("prompt"):
        good, bad = (group[group["label"] == label]["response"].tolist() for label in (1, 0))
        rows += [{"prompt": prompt, "chosen": a, "rejected": b} for a, b in zip(good, bad, strict=False)]
    return pd.DataFrame(rows)


def scored(name: str, *flags: str, run: Any = log_run) -> Any:
    done = run("score", "--data", name, "--out", "s.parquet", "--overwrite", *flags)
    assert done.code == 0, done.err
    return pd.read_parquet("s.parquet"), done.err


def test_a_log_fitted_reward_scores_both_sides_of_a_pair() -> None:
    """The sides are those of single answers, the difference is theirs, and exchanging them exchanges everything."""
    frame = answers()
    frame.to_parquet("p.parquet")
    found, told = scored("p.parquet")
    assert "the run was fitted to a log, and the file holds pairs: both sides get a reward" in told
    assert list(found.columns[:3]) == ["prompt", "chosen", "rejected"]
    for side in ("chosen", "rejected"):
        frame[["prompt", side]].rename(columns={side: "response"}).to_parquet("one.parquet")
        alone, _ = scored("one.parquet")
        for end in ("", "_low", "_high"):
            np.testing.assert_allclose(found[f"reward_{side}{end}"], alone[f"reward{end}"], atol=1e-5)
    np.testing.assert_allclose(found["reward_difference"], found["reward_chosen"] - found["reward_rejected"], atol=1e-5)
    assert (
        (found["reward_difference_low"] < found["reward_difference"]) & (found["reward_difference"] < found["reward_difference_high"])
    ).all()
    # Both sides come from one draw: the interval of the difference is not that of independent rewards.
    width = found["reward_difference_high"] - found["reward_difference_low"]
    apart = np.hypot(*(found[f"reward_{side}_high"] - found[f"reward_{side}_low"] for side in ("chosen", "rejected")))
    assert np.abs(width / apart - 1).max() > 0.1
    frame.rename(columns={"chosen": "rejected", "rejected": "chosen"}).to_parquet("p.parquet")
    turned, _ = scored("p.parquet")
    np.testing.assert_allclose(turned["reward_difference"], -found["reward_difference"], atol=1e-5)
    for name in ("p_chosen", "p_better"):
        np.testing.assert_allclose(turned[name], 1 - found[name], atol=1e-5)
    np.testing.assert_allclose(turned["p_chosen_low"], 1 - found["p_chosen_high"], atol=0.05)
    assert found["p_better"].between(0, 1).all()
    assert (np.sign(found["p_better"] - 0.5) == np.sign(found["reward_difference"])).mean() > 0.9


def test_a_choice_between_two_answers_and_other_names() -> None:
    frame = answers()
    swap = np.arange(len(frame)) % 2 == 1
    first, second = np.where(swap, frame["rejected"], frame["chosen"]), np.where(swap, frame["chosen"], frame["rejected"])
    pd.DataFrame({"q": frame["prompt"], "response_a": first, "response_b": second, "winner": np.where(swap, "b", "a")}).to_csv("c.csv")
    frame.to_parquet("p.parquet")
    plain, _ = scored("p.parquet")
    choice, _ = scored("c.csv", "--columns", "prompt=q")
    for name in SIDES:
        np.testing.assert_allclose(choice[name], plain[name], atol=1e-5)
    named, _ = scored("c.csv", "--columns", "prompt=q,chosen=response_a,rejected=response_b")
    np.testing.assert_allclose(named["reward_chosen"], np.where(swap, plain["reward_rejected"], plain["reward_chosen"]), atol=1e-5)


def test_a_log_fitted_run_is_evaluated_on_pairs() -> None:
    frame = answers()
    frame.to_parquet("p.parquet")
    done = log_run("evaluate", "--data", "p.parquet", "--bootstrap", "20", "--json")
    assert done.code == 0, done.err
    found, (columns, _) = json.loads(done.out), scored("p.parquet")
    assert found["rows"] == len(frame)
    right = (columns["reward_difference"] > 0) + 0.5 * (columns["reward_difference"] == 0)
    assert found["metrics"]["accuracy"]["value"] == pytest.approx(right.mean())
    assert found["metrics"]["nll"]["value"] == pytest.approx(-np.log(columns["p_chosen"]).mean(), abs=1e-5)
    assert set(found["baseline"]) == set(found["metrics"])  # the naive model's, fitted beside it
    assert next(iter(found["metrics"])) == "accuracy"
    assert "Accuracy and AUROC judge the order alone; NLL, Brier and ECE also judge the scale of the rewards" in done.err
    printed = log_run("evaluate", "--data", "p.parquet", "--bootstrap", "5")
    assert f"{len(frame)} pairs with a known truth" in printed.out
    turned = frame.rename(columns={"chosen": "rejected", "rejected": "chosen"})
    turned.to_parquet("t.parquet")
    worse = json.loads(log_run("evaluate", "--data", "t.parquet", "--bootstrap", "0", "--json").out)
    assert worse["metrics"]["accuracy"]["value"] == pytest.approx(1 - right.mean())


def test_the_report_of_a_log_fitted_run_has_its_pairs() -> None:
    answers().to_parquet("p.parquet")
    done = log_run("report", "--data", "p.parquet", "--out", "r.html", "--quiet")
    assert done.code == 0, done.err
    page = Path("r.html").read_text()
    assert f"{len(answers())} pairs of p.parquet with a known truth" in page
    assert "judge the order alone" in page


def test_labelled_answers_stay_labelled_answers() -> None:
    """A file of single answers with ratings beside the label is what it was: rows with a verdict."""
    support.log_frame(60).assign(helpfulness=3).drop(columns="action").to_parquet("l.parquet")
    done = log_run("evaluate", "--data", "l.parquet", "--bootstrap", "0", "--json")
    assert (json.loads(done.out)["rows"], "auroc" in done.out) == (60, True)


def test_rewards_with_covariates_need_rows_of_their_own() -> None:
    run = probrm.load(support.short_run_path())
    inputs = replace(run.inputs, reward=FeatureMap.fit(pd.DataFrame({"surface": ["web", "ide"]})))
    with pytest.raises(ConfigError, match=r"the run's reward has covariates \(surface") as caught:
        check_texts_suffice(replace(run, inputs=inputs))
    assert "one answer a row" in caught.value.fix


def test_several_pairs_a_row_cannot_be_written_into_one() -> None:
    rows = answers().assign(chosen=lambda frame: [[text, f"{text}!"] for text in frame["chosen"]])
    rows.to_json("m.jsonl", orient="records", lines=True)
    refused(log_run("score", "--data", "m.jsonl", "--out", "s.parquet"), "allowed: one pair a row, or one response a row")


# ---- the other way round


def labelled() -> Any:
    """Answers of which the store of pairs has vectors, with a label that goes with the true reward."""
    frame = pair_support.single_frame(pair_support.pair_frame(150, seed=1))
    score = np.array([pair_support.reward(text) for text in frame["response"]])
    return frame.assign(label=(score > 0).astype(int), action=(score > 1).astype(int))


def test_a_pair_fitted_run_ranks_the_labels_of_a_log() -> None:
    labelled().to_parquet("l.parquet")
    done = pair_run("evaluate", "--data", "l.parquet", "--bootstrap", "20", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["rows"], list(found["metrics"])) == (300, ["pair_accuracy", "auroc"])
    rewards, _ = scored("l.parquet", run=pair_run)
    good, bad = (rewards[rewards["label"] == label]["reward"].to_numpy() for label in (1, 0))
    assert found["metrics"]["auroc"]["value"] == pytest.approx((good[:, None] > bad).mean(), abs=1e-6)
    assert found["metrics"]["auroc"]["value"] > 0.8
    for text in ("the run was fitted to pairs, and the file holds a log", "explicit labels are ranked", "probrm fit implicit"):
        assert text in done.err
    printed = pair_run("evaluate", "--data", "l.parquet", "--bootstrap", "5")
    assert "300 rows with a known truth" in printed.out
    assert "NLL" not in printed.out


def test_actions_where_there_are_no_labels_and_other_names() -> None:
    frame = labelled()
    frame.drop(columns="label").to_parquet("a.parquet")
    done = pair_run("evaluate", "--data", "a.parquet", "--bootstrap", "0", "--json")
    assert "actions (there are no explicit labels" in done.err
    by_action = json.loads(done.out)["metrics"]
    frame.drop(columns="label").rename(columns={"action": "ok", "response": "text"}).to_parquet("o.parquet")
    done = pair_run("evaluate", "--data", "o.parquet", "--columns", "label=ok,response=text", "--bootstrap", "0", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["metrics"] == by_action
    words = frame.assign(label=np.where(frame["label"] == 1, "good", "bad"))
    words.to_parquet("w.parquet")
    done = pair_run("evaluate", "--data", "w.parquet", "--values", "good=1,bad=0", "--bootstrap", "0", "--json")
    assert done.code == 0, done.err


def test_a_log_without_a_truth_says_what_is_needed() -> None:
    labelled().drop(columns=["label", "action"]).to_parquet("n.parquet")
    refused(pair_run("evaluate", "--data", "n.parquet"), "n.parquet")
    labelled().assign(label=None).to_parquet("e.parquet")
    refused(pair_run("evaluate", "--data", "e.parquet"), "no row has a label")


# ---- labels of one class


@pytest.mark.parametrize("runs", ["logs", "pairs"])
def test_one_class_of_labels_gives_no_verdict(runs: str) -> None:
    """``evaluate`` and ``compare`` say so, and nothing is better or worse."""
    if runs == "logs":
        support.log_frame(200, seed=1).query("label == 1").drop(columns="true_probability").to_parquet("one.parquet")
        other, run = support.short_run_path(), log_run
    else:
        labelled().query("label == 1").to_parquet("one.parquet")
        other, run = pair_support.run_path(), pair_run
    done = run("evaluate", "--data", "one.parquet", "--bootstrap", "20")
    compared = run("compare", f"{other}/", "--data", "one.parquet", "--bootstrap", "20")
    for outcome in (done, compared):
        assert outcome.code == 0, outcome.err
        assert "labels are 1 and no row has label 0" in outcome.err
        assert "so no verdict is given" in outcome.err
        assert "better" not in outcome.out
        assert "worse" not in outcome.out
    told = json.loads(run("evaluate", "--data", "one.parquet", "--bootstrap", "20", "--json").out)
    assert not any(told["verdict"].values())


# ---- trees and conversations


@pytest.mark.parametrize("shape", ["oasst-trees", "oasst-messages", "prism-conversations"])
@pytest.mark.parametrize("path", [support.short_run_path, pair_support.run_path], ids=["log", "pairs"])
def test_answers_in_trees_and_conversations_are_scored_one_a_row(path: Any, shape: str) -> None:
    """With the rewards of the same answers in a plain file."""
    write_rows(rows_of(SHAPES[shape]), Path("nested.jsonl"))
    both = [{"prompt": t.prompt, "response": answer} for t in PAIRS for answer in (t.first, t.second)]
    pd.DataFrame(both).to_parquet("plain.parquet")
    texts = [Conversation(row["prompt"], row["response"]) for row in both]
    texts += [Conversation((("user", row["prompt"]),), row["response"]) for row in both]
    vectors = torch.randn(len(both), 6, generator=torch.Generator().manual_seed(0)).repeat(2, 1)
    write_store("store.safetensors", texts, vectors, "a test's own encoder")

    def score(name: str, out: str) -> str:
        done = call("score", path(), "--embeddings", "store.safetensors", "--data", name, "--out", out)
        assert done.code == 0, done.err
        return done.err

    assert f"read as {shape}: 60 answers in" in score("nested.jsonl", "n.parquet")
    score("plain.parquet", "p.parquet")
    found, plain = (pd.read_parquet(f"{name}.parquet") for name in "np")
    assert found["response"].tolist() == plain["response"].tolist()
    np.testing.assert_allclose(found["reward"], plain["reward"], atol=1e-5)
    score("nested.jsonl", "s.csv")
