"""Rules tried on a file: plain and slow, without a server, for one station."""
