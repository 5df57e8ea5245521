"""Every operation under a continuous writer, its console and its nodes killed at every point of the plan."""
