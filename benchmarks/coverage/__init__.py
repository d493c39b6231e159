"""What the intervals of a default fit cover, where everything is known."""
