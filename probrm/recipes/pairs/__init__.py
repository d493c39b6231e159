"""What every model of preference pairs does on files."""
