"""The model/guide pairs, one package a model."""
