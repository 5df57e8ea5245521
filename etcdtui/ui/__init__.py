"""What the operator sees; the only layer that imports textual."""
