"""RewardUQ's Bayesian linear head, a baseline for pairs: regularised Bradley–Terry weights and a Gaussian around them."""
