"""Tables on disk in every format, read and written."""
