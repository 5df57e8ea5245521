"""Widgets that draw what they are given; none of them knows the session."""
