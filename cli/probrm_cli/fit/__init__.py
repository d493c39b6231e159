"""``probrm fit``."""
