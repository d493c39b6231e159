"""The model/guide pairs, one file a model."""
