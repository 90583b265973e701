"""A fake city, or a replay of a real one; speaks only MQTT."""
