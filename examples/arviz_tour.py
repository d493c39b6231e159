"""What ArviZ makes of a fitted run: `python arviz_tour.py RUN.nc [OTHER.nc …] --out figures`.

The files are those of `probrm posterior RUN --netcdf RUN.nc`. Nothing here needs probrm: a file has the posterior, its sampler's or
training's records, what was observed in each row, what the model would have observed instead, and each row's log-likelihood.
It runs with ArviZ 0.22 and later and with ArviZ 1.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import arviz as az
import matplotlib.pyplot as plt

NEW = int(az.__version__.split(".")[0]) >= 1
MOST = 40
"""Entries that a variable may have and still be shown."""


def save(plot: Any, path: Path) -> None:
    """ArviZ 1 gives an object that holds the figure; before, matplotlib has it."""
    if NEW:
        plot.savefig(path)
    else:
        plt.gcf().savefig(path, bbox_inches="tight")
    plt.close("all")
    print(f"figure: {path}")


def tour(files: list[Path], out: Path) -> None:
    """The functions that most people call first."""
    out.mkdir(parents=True, exist_ok=True)
    runs = {path.stem: az.from_netcdf(str(path)) for path in files}
    name, data = next(iter(runs.items()))
    posterior = data["posterior"]
    small: Any = [key for key in posterior.data_vars if posterior[key].size <= MOST * posterior.sizes["chain"] * posterior.sizes["draw"]]
    print(f"{name}: a model called {data.attrs['model']}, {posterior.sizes['chain']} chain(s) of {posterior.sizes['draw']} draws")

    # ESS and R-hat say how well chains have mixed; the draws of a variational fit are independent, and they would say nothing.
    chains = posterior.sizes["chain"] > 1
    print(az.summary(data, var_names=small, kind="all" if chains else "stats"))
    save(az.plot_forest(data, var_names=small, combined=True), out / "forest.png")

    # What was observed beside 50 data sets that the model would have made.
    if NEW:
        save(az.plot_ppc_dist(data, num_samples=50, kind="ecdf"), out / "predictive.png")  # type: ignore[attr-defined]
    else:
        save(az.plot_ppc(data, num_pp_samples=50, random_seed=0), out / "predictive.png")

    # How well each row is predicted from all the others.
    found = az.loo(data, pointwise=True)
    print(found)
    worst = found.pareto_k.to_series().nlargest(3)
    print("rows that weigh most on the fit (k-hat):", ", ".join(f"{row} ({k:.2f})" for row, k in worst.items()))

    if len(runs) > 1:
        table = az.compare(runs)
        print(table.to_string())
        save(az.plot_compare(table), out / "compare.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What ArviZ makes of a fitted run.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.nc")
    parser.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR", help="where the figures go")
    asked = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # between ArviZ and newer versions of what it is built on
        warnings.filterwarnings("ignore", message=".*look (binary|discrete)")  # they are: steps are what one sees
        tour(asked.files, asked.out)
