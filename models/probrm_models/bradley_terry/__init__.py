"""Bradley–Terry: the Bayesian or the plain reward model of pairs."""
