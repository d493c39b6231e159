"""All classes of cases."""

from __future__ import annotations

from tests.probrm_cli.generated import changed_bytes, columns, flags, settings, stores, trees

KINDS = (
    columns.COLUMNS,
    changed_bytes.TABLES,
    changed_bytes.STORES,
    changed_bytes.RUNS,
    changed_bytes.ENCODERS,
    trees.ROWS,
    trees.RUN_TREES,
    trees.ENCODER_TREES,
    settings.ASSIGNMENTS,
    settings.DOCUMENTS,
    flags.FLAGS,
    stores.STORE_FORMS,
)
