"""The figure of a baseline's run."""

from __future__ import annotations

from matplotlib.figure import Figure

from probrm.runs.run import Run


def figures(run: Run) -> dict[str, Figure]:
    """The held-out score by penalty, where several were tried; made without pyplot, so nothing global changes."""
    found = run.metrics["diagnostics"].get("l2", {})
    scores = found.get("scores", [])
    if not scores:
        return {}
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.semilogx([one["l2"] for one in scores], [one["held_out"] for one in scores], "o-", color="#0072B2")
    axes.axvline(found["l2"], color="#999999", lw=1)
    axes.set_xlabel("L2 of the reward weights (grey: chosen)")
    axes.set_ylabel("held-out actions, nats a row")
    return {"selection": figure}
