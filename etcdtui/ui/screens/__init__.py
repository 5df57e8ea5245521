"""Whole screens: the main one, and those that are opened over it."""
