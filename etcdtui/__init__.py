"""etcdtui: the operations console for etcd clusters in the terminal."""

__version__ = "0.1.0"
