"""Where the latents stand: one flat vector, and maps in which the posterior is close to a standard normal."""
