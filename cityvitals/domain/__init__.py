"""The pure vocabulary: no I/O, no third-party imports but numpy."""
