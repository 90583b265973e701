"""The only place that knows SQL or asyncpg."""
