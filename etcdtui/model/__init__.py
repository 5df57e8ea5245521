"""What a cluster is: pure values and functions, no I/O and no clock."""
