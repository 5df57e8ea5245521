"""The site of hosts reached over SSH; paramiko is imported here alone, and only once a host is dialled."""
