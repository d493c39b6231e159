"""Files opened for reading wherever they lie and however they are packed."""

from __future__ import annotations

import re
from typing import Any, cast

import pyarrow as pa

from probrm.errors import DataError

PACKED = {".gz": "gzip", ".zst": "zstd"}
"""Endings of compressed files."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def is_remote(source: str) -> bool:
    """Whether a source is a URL: ``s3://…``, ``gs://…``."""
    return _URL.match(source) is not None


def filesystem(source: str) -> tuple[Any, str]:
    """The file system of a URL, by fsspec, and the path in it.

    Raises:
        DataError: nobody knows the scheme, or its driver is not installed.
    """
    import fsspec

    scheme = source.split("://", 1)[0]
    try:
        fs, path = fsspec.core.url_to_fs(source)
    except ImportError as error:
        driver = str(error).rstrip(".")
        raise DataError(
            f"{source}: the driver for {scheme}:// is not installed ({driver})",
            fix=_DRIVERS.get(scheme, f"install fsspec's driver for {scheme}"),
        ) from error
    except ValueError as error:
        raise DataError(
            f"{source}: there is no driver for {scheme}:// ({error})",
            fix="name a local file, or a scheme that fsspec knows, such as s3:// or gs://",
        ) from error
    return fs, cast(str, path)


_DRIVERS = {
    "s3": "pip install s3fs",
    "gs": "pip install gcsfs",
    "gcs": "pip install gcsfs",
    "az": "pip install adlfs",
    "abfs": "pip install adlfs",
}


def open_raw(source: str) -> Any:
    """Bytes as they lie on disk or behind a URL, in a file that can be sought in."""
    if is_remote(source):
        fs, path = filesystem(source)
        return fs.open(path, "rb")
    return open(source, "rb")


def packing(source: str) -> str | None:
    """``gzip``, ``zstd`` or None, by the ending."""
    return next((name for ending, name in PACKED.items() if source.lower().endswith(ending)), None)


def open_bytes(source: str) -> Any:
    """Unpacked bytes as a stream."""
    raw, packed = open_raw(source), packing(source)
    if packed == "gzip":
        import gzip

        unpacked = gzip.GzipFile(fileobj=raw)
        unpacked.myfileobj = raw  # so that it is closed with it
        return unpacked
    if packed == "zstd":
        return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    return raw
