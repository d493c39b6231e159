"""``probrm compare``."""
