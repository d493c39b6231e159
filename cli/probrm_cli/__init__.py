"""The command line of probrm."""
