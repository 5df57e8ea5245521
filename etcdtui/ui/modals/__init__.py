"""Panels over the main screen that ask or tell one thing."""
