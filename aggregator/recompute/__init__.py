"""`cityvitals recompute`: history against what it should be; what differs, its owner does anew."""
