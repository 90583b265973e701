"""The embedded stack: broker, PostgreSQL, the three processes and a simulated city."""
