"""What every model of a log of actions does on files."""
