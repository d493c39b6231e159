"""A fitted reward in folders that other programs load: exact, or refused."""

from probrm.exports.export import MARKER, TARGETS, Exported, export_run

__all__ = ["MARKER", "TARGETS", "Exported", "export_run"]
