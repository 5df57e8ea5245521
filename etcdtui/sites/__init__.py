"""Where members run: each kind of site offers the capabilities it has."""
