"""Stochastic variational inference: bounds, minibatches, the training, its checkpoints."""
