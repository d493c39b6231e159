"""Newton–Laplace: modes, their curvature, the scales of priors, the profile along one latent."""
