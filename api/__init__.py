"""Process 3: indicators as REST, as a live stream, and as a page. It reads, and never writes."""
