"""Exports of products, one module each: which answers were shown, and what users did with them."""
