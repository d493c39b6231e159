"""``probrm inspect``."""
