"""The local site: etcd members as child processes of this machine, kept in one directory."""
