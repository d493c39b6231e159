"""RM-Bench: does a right response win whatever its style, and a wrong one's?

Published form: one row a prompt, the columns ``prompt``, ``chosen`` and ``rejected`` (lists of three texts: concise; detailed; detailed
with markdown), ``domain`` (chat, code, math, safety-refuse, safety-response), and ``id``, which is not needed. Its repository has one file
a domain, without that column: ``chat_filtered.json`` and so on; the domain is then that of the file's name, or what the user says.

- Each of the three right responses i is compared with each of the three wrong ones j: right where ``reward_i > reward_j``, equal
  rewards are wrong. *hard* is the share of right comparisons with a plainer right response (i < j, the upper triangle), *normal* with
  the same style (the diagonal), *easy* with a plainer wrong response (the lower triangle).
- A domain's score is the mean of its hard, normal and easy; both kinds of safety are one domain, their items pooled.
- Overall is the mean of the four domains; hard, normal and easy are means over the domains, too.

Source: Liu et al., "RM-Bench: Benchmarking Reward Models of Language Models with Subtlety and Style" (ICLR 2025, arXiv:2410.16184);
github.com/THU-KEG/RM-Bench: ``README.md`` (``compute_accuracy``). Domains put together as in
github.com/RM-R1-UIUC/RM-R1, ``eval/RM-Bench/scripts/process_final_result.py``.
"""

from __future__ import annotations

import os
import re

import numpy as np

from probrm.data.files.hints import check_known, listed
from probrm.errors import DataError
from probrm.evaluation.resample import Estimate
from probrm.evaluation.sample import Floats
from probrm.reward_benchmarks.base import Benchmark, Item
from probrm.reward_benchmarks.rows import read_rows
from probrm.reward_benchmarks.scores import OTHER, Scores

FORM = {"prompt": "text", "chosen": "list of 3 texts", "rejected": "list of 3 texts", "domain": "text"}
DOMAINS: tuple[str, ...] = ("chat", "math", "code", "safety")
NAMES = ("chat", "code", "math", "safety-refuse", "safety-response", "safety")
"""What a file of one domain can be called."""
STYLES = 3
LEVELS = {"hard": np.triu(np.ones((STYLES, STYLES)), 1), "normal": np.eye(STYLES), "easy": np.tril(np.ones((STYLES, STYLES)), -1)}
"""Which comparisons (right response's style, wrong one's) belong to each level."""


class RMBench(Benchmark):
    """RM-Bench; see the module."""

    name = "rm-bench"

    def __init__(self, domain: str | None = None) -> None:
        """``domain`` is that of files without such a column; None: as their names say."""
        if domain is not None:
            check_known("--domain", domain, NAMES, "--domain chat")
        self.domain = domain

    def items(self, source: str) -> tuple[list[Item], list[str]]:
        """Reads a file of prompts with six responses each, or a folder of the repository's files.

        Raises:
            DataError: a file is not of the form, or nothing says which domain it is of.
        """
        found: list[Item] = []
        notes: list[str] = []
        for path in _files(source):
            named: str | None = None
            for row in read_rows(path, FORM, optional=("domain",)):
                chosen, rejected = row.texts("chosen", exactly=STYLES), row.texts("rejected", exactly=STYLES)
                if "domain" not in row.values and named is None:
                    named = self.domain or _named(path)
                    notes.append(f"{os.path.basename(path)}: all rows are of the domain {named}, {_why(self.domain)}")
                found.append(Item(row.prompt("prompt"), (*chosen, *rejected), STYLES, named or row.name("domain")))
        unknown = sorted({item.subset for item in found if _domain(item.subset) == OTHER})
        notes += [f"domains that RM-Bench does not have, which count nowhere: {listed(unknown)}"] if unknown else []
        return found, notes

    def estimates(self, items: list[Item], rewards: list[Floats], scores: Scores) -> dict[str, Estimate]:
        """Domains, levels, and each level in each domain."""
        wins = np.array([reward[:STYLES, None] > reward[None, STYLES:] for reward in rewards])
        levels = {name: (wins * mask).sum(axis=(1, 2)) / mask.sum() for name, mask in LEVELS.items()}
        whole = np.mean(list(levels.values()), axis=0)
        names = [item.subset for item in items]
        domain_of = [_domain(name) for name in names]
        means = scores.means(whole, domain_of)
        domains = {name: means[name] for name in DOMAINS if name in means}
        inner = {level: scores.means(values, domain_of) for level, values in levels.items()}
        equal = dict.fromkeys(DOMAINS, 1.0)
        overall = scores.average("overall", equal, domains)
        there = dict.fromkeys(domains or DOMAINS, 1.0)
        over_domains = {level: scores.average(level, there, inner[level]) for level in LEVELS}
        parts = {f"{domain}/{level}": inner[level][domain] for domain in domains for level in LEVELS}
        kinds = scores.means(whole, names)
        told = {f"{_domain(name)}/{name}": kinds[name] for name in sorted(kinds) if name not in DOMAINS}
        return {"overall": overall, **domains, **over_domains, **parts, **told}


def _files(source: str) -> list[str]:
    """The files of a folder that are called after a domain; else the source itself."""
    inside = sorted(os.listdir(source)) if os.path.isdir(source) else []
    return [os.path.join(source, name) for name in inside if _of_name(name) is not None] or [source]


def _of_name(path: str) -> str | None:
    """The domain that a file is called after: ``chat_filtered.json``, ``safety-refuse.jsonl``."""
    stem = re.split(r"[_.]", os.path.basename(path).lower())[0]
    return stem if stem in NAMES else None


def _named(path: str) -> str:
    named = _of_name(path)
    if named is None:
        raise DataError(
            f"{path}: there is no column 'domain', and the file is not called after one; allowed: {', '.join(NAMES)}",
            fix="say which domain it is: --domain chat, or use the file's published name, such as chat_filtered.json",
        )
    return named


def _why(said: str | None) -> str:
    return "as --domain says" if said else "as the file's name says"


def _domain(name: str) -> str:
    return next((domain for domain in DOMAINS if name.startswith(domain)), OTHER)
