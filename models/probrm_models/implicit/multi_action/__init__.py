"""Several actions of one row: clicks, grades, dwell times, comparisons."""
