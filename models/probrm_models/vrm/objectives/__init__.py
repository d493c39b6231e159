"""What each objective is, in words and numbers that a person can read, and scores with weights given by hand."""
