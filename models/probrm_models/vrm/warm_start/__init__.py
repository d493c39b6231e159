"""Where the training of VRM begins."""
