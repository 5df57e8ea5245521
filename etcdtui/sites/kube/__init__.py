"""etcd in Kubernetes: a StatefulSet's pods, reached through the API server."""
