"""Covariates of rows: read, derived from texts, encoded as columns of numbers."""
