"""Logs of what users did: the form of a log, presets, actions, answers shown side by side."""
