"""The load generator: as many readings as a broker takes, and the truth about what was sent."""
