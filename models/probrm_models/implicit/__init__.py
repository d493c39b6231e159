"""Implicit feedback: an action is a latent preference times a latent propensity to act."""
