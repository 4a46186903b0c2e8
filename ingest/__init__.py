"""The ingest service: MQTT in, points out."""
