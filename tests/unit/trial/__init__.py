"""Rules tried on files."""
