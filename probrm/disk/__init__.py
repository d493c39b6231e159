"""Finished files and folders put in place: a name is claimed or exchanged in one step, and what killed commands left is found again.

It needs nothing but the standard library, so every room may write through it.
"""

from probrm.disk.drafts import recover, set_aside
from probrm.disk.put import TakenError, free_name, put_file, put_folder
from probrm.disk.target import check_file, check_folder_place, place
from probrm.disk.words import refusal, remedy, telling

__all__ = [
    "TakenError",
    "check_file",
    "check_folder_place",
    "free_name",
    "place",
    "put_file",
    "put_folder",
    "recover",
    "refusal",
    "remedy",
    "set_aside",
    "telling",
]
