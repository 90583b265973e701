"""What the service stored and derived against what was sent to it."""
