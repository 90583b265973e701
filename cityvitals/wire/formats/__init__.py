"""Payload formats, one file each: bytes to a Pack or a named error, and back; pure and total."""
