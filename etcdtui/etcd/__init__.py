"""How etcd is asked: the API, its gRPC implementation and the translation of its errors."""
