"""Process 1: broker to readings. Subscribes, screens, batches, commits, then acknowledges."""
