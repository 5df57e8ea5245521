"""Keeping the picture of a cluster fresh: worker lanes, the poller and the session."""
