"""The model card of an exported run."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
from typing import TYPE_CHECKING, Any

from probrm.diagnostics.trust import trust
from probrm.exports.encoder import FittedEncoder
from probrm.runs.run import Run

if TYPE_CHECKING:
    from probrm.evaluation import Evaluation, Metric
    from probrm.exports.export import Exported, Target

_USE = {
    "sentence-transformers": """from sentence_transformers import CrossEncoder

model = CrossEncoder("FOLDER")
rewards = model.predict([("What is 17 + 25?", "42")])  # logits""",
    "transformers": """from transformers import AutoModelForSequenceClassification, AutoTokenizer

model = AutoModelForSequenceClassification.from_pretrained("FOLDER").eval()
tokenizer = AutoTokenizer.from_pretrained("FOLDER")
inputs = {inputs}
rewards = model(**inputs).logits[:, 0]""",
}
_INPUTS = {
    "chat": 'tokenizer.apply_chat_template([[{"role": "user", "content": "What is 17 + 25?"}, {"role": "assistant", "content": "42"}]],\n'
    '                                       tokenize=True, return_dict=True, return_tensors="pt", padding=True)',
    "pair": 'tokenizer(["What is 17 + 25?"], ["42"], padding=True, return_tensors="pt")',
    "response": 'tokenizer(["42"], padding=True, return_tensors="pt")',
}


def card(
    run: Run, encoder: FittedEncoder, *, to: Target, exported: Exported, command: str | None = None, evaluation: Evaluation | None = None
) -> str:
    """The card, Markdown with its header; metrics and calibration where the run was evaluated."""
    from probrm.encoders.rendering import Renderer

    config, data = encoder.config, run.record["data"]
    form = Renderer(encoder.tokenizer(), text=config.text, max_length=config.max_length).form
    library = "sentence-transformers" if to == "sentence-transformers" else "transformers"
    lines = [
        "---",
        f"library_name: {library}",
        "pipeline_tag: text-ranking" if to == "sentence-transformers" else "pipeline_tag: text-classification",
        "tags: [reward-model, probrm]",
        "---",
        "",
        f"# A reward model fitted by probrm ({run.kind})",
        "",
        "Scores are posterior mean rewards, logits. The folder holds no code and no uncertainty: intervals, probabilities of being the best and",
        "abstention are the run's own (`probrm score`, `probrm rank`).",
        "",
        "```python",
        _USE[to].replace("{inputs}", _INPUTS.get(form, "")),
        "```",
        "",
        "| | |",
        "|---|---|",
        *(f"| {name} | {_cell(value)} |" for name, value in [*_facts(run, encoder, exported, command), *_measured(evaluation)]),
        "",
        "## Know before use",
        "",
        *(f"- {note}." for note in [*exported.notes, *_about_input(form, to)]),
        "",
        "## Intended use",
        "",
        "Ordering answers to the same prompt: best-of-n, reranking, rewards of a trainer. Its judgments are those of the people whose actions or",
        "choices were logged, about answers and prompts like theirs; it has not been tried on others, and a policy trained against it will find",
        "where it is wrong.",
        "",
        f"Data: {_cell(data.get('rows'))} rows, SHA-256 `{data.get('sha256')}`.",
        "",
    ]
    return "\n".join(lines)


def _facts(run: Run, encoder: FittedEncoder, exported: Exported, command: str | None) -> list[tuple[str, Any]]:
    config, found = encoder.config, run.metrics.get("diagnostics", {})
    identifiability = run.metrics.get("identifiability", {})
    name = os.path.basename(config.name.rstrip("/")) if os.path.isdir(config.name) else config.name  # not where it lies here
    wanted = [
        ("model", run.kind),
        (
            "encoder",
            f"{name}, layer {config.layer}, {config.pooling} pooling, up to {config.max_length} tokens",
        ),
        (
            "encoder's weights (SHA-256)",
            ", ".join(digest[:16] for name, digest in encoder.folder.files.items() if name.endswith(".safetensors")),
        ),
        ("held-out log-likelihood, nats a row", found.get("held_out_log_likelihood")),
        ("what the data identify", identifiability.get("verdict")),
        ("interval reliability", trust(run)),
        ("intercept, logits", f"{exported.intercept:.6g}"),
        ("largest difference from probrm when tried, logits", f"{exported.difference:.1e}"),
        ("made by", f"`{command}`" if command else None),
        ("versions", f"probrm {importlib.metadata.version('probrm')}, fitted with {json.dumps(run.record['versions'])}"),
    ]
    return [(name, value) for name, value in wanted if value is not None]


def _measured(evaluation: Evaluation | None) -> list[tuple[str, Any]]:
    if evaluation is None:
        return [("calibration", "not measured: `probrm export --data FILE` adds it")]
    rows = f"on {evaluation.rows} rows with a known truth"
    return [(f"{name}, {rows}", _interval(metric)) for name, metric in evaluation.metrics.items() if not math.isnan(metric.value)]


def _interval(metric: Metric) -> str:
    return f"{metric.value:.3f}" + ("" if math.isnan(metric.low) else f" (90 %: {metric.low:.3f} to {metric.high:.3f})")


def _about_input(form: str, to: str) -> list[str]:
    notes = ["prompts of several messages are one text, as `Conversation.prompt_text` of probrm writes them"] if form == "pair" else []
    if to == "transformers" and form == "pair":
        notes.append(
            "texts have to be tokenised as pairs, with special tokens: trainers that join prompt and response without them (TRL's own "
            "reward models) get other scores"
        )
    if to == "transformers" and form == "chat":
        notes.append("special tokens' names in a text are read as these tokens by engines and trainers; probrm reads them as text")
        notes.append(
            "scores are those of a chat that ends where the template ends it: a trainer that appends an end token scores that token"
        )
    return notes


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
