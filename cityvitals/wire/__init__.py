"""What gateways and the city agree on: topics and payloads, both ways."""
