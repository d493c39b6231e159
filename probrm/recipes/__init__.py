"""What models do on files: reading, encoding, fitting, scoring, comparing."""

from probrm.recipes.recipe import Recipe

__all__ = ["Recipe"]
