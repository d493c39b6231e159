"""Preference pairs: the forms that files have, and how they are read."""
