"""Process 3: indicators to HTTP: REST, live events, the page."""
