"""``probrm posterior``."""
