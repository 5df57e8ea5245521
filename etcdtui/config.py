"""Configuration: YAML to typed profiles; an error names file, line and key."""
