"""Columns of a table: matched to what they are needed for, their values read."""
