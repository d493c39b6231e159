"""The first screen: what it is, the headline, and whether to believe it."""

from __future__ import annotations

from probrm.evaluation.loo import SMALL
from probrm.report.blocks import Block, Items, Section, Tiles, Tone
from probrm.report.material import Material
from probrm.report.words import inert, number, seconds

TRUST: dict[str, Tone] = {"yes": "good", "with care": "warn", "no": "bad", "no intervals": "quiet"}
_VERDICTS: dict[str, Tone] = {"identified": "good", "up to scale": "warn", "ranking only": "warn", "not identified": "bad"}


def glance(material: Material) -> Section:
    """Section 1."""
    tiles = [tile for tile in (_trust(material), _identified(material), _better(material)) if tile is not None]
    blocks: list[Block] = [Tiles(tiles)] if tiles else []
    lines = [inert(line) for line in material.recipe.headline(material.run)]
    if lines:
        blocks.append(Items([line[0].upper() + line[1:] for line in lines]))
    if material.missing:
        blocks.append(Items([f"Missing from this report: {inert(line)}." for line in material.missing]))
    return Section("glance", "At a glance", blocks=blocks)


def _trust(material: Material) -> tuple[str, str, str, Tone]:
    found = material.trust
    return "Interval reliability", found.verdict, inert("; ".join(found.reasons)), TRUST[found.verdict]


def _identified(material: Material) -> tuple[str, str, str, Tone] | None:
    found = material.identifiability
    if "verdict" not in found:
        return None
    verdict = str(found["verdict"])
    return "Identifiability", verdict, "; ".join(found.get("reasons", [])[-1:]), _VERDICTS.get(verdict, "quiet")


def baseline_score(material: Material) -> float | None:
    """The baseline's log-likelihood of the held-out rows, where there is one."""
    found = material.diagnostics
    names = [name for name in found if name.endswith("_held_out_log_likelihood")]
    return found[names[0]] if names else None


def _better(material: Material) -> tuple[str, str, str, Tone] | None:
    ours, theirs = material.diagnostics.get("held_out_log_likelihood"), baseline_score(material)
    if ours is None or theirs is None or not material.run.baseline:
        return None
    name = material.run.baseline[0].kind
    difference = ours - theirs
    total = difference * material.diagnostics.get("held_out_rows", 0)
    # Four nats in all: below that a difference of predictive densities is not told from none (Sivula et al. 2020, arXiv 2008.10296).
    answer, tone = ("about the same", "quiet") if abs(total) < SMALL else ("yes", "good") if difference > 0 else ("no", "bad")
    unit = material.recipe.unit.removesuffix("s")
    reason = f"{'+' if difference > 0 else ''}{number(difference, 4)} nats a held-out {unit} against the {name} model"
    return "Better than its baseline?", answer, reason, tone  # type: ignore[return-value]


def made_by(material: Material) -> list[tuple[str, str]]:
    """Versions, seed, time: the fine print below the title."""
    run = material.run
    versions = run.record.get("versions", {})
    spent = sum(run.record.get("seconds", {}).values())
    pairs = [("model", run.kind), ("inference", run.config["inference"]["name"]), ("seed", str(run.config["seed"]))]
    if spent:
        pairs.append(("fitted in", seconds(spent)))
    return pairs + [(name, version) for name, version in versions.items() if name in ("probrm", "torch", "pyro-ppl", "python")]
