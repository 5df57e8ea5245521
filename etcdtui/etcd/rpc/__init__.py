"""etcd's gRPC API, spoken with the client library etcd3; import it only when a connection is wanted.

`dial` is the one name the rest of etcdtui uses. Importing this package sets what protobuf and gRPC
read from the environment, so it must come before anything else imports them.
"""

from __future__ import annotations

from etcdtui.etcd.rpc.environment import prepare

prepare()

# etcd3 and grpc are imported by these: they must find the environment prepared.
from etcdtui.etcd.rpc.endpoint import Endpoint, dial  # noqa: E402

__all__ = ["Endpoint", "dial"]
