"""What a log can and cannot tell: modes, the base rate, the verdict."""
