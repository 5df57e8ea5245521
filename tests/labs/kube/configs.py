"""The configuration files of containerd, the CNI plugins and the kubelet (JSON where YAML is read)."""

import json
from typing import Any

from tests.labs.kube.images import PAUSE
from tests.labs.kube.settings import Settings


def write(s: Settings) -> None:
    etc = s.state_dir / "etc"
    (etc / "cni").mkdir(parents=True, exist_ok=True)
    (etc / "containerd.toml").write_text(_containerd(s))
    (etc / "cni/10-lab.conflist").write_text(json.dumps(_cni(s), indent=1))
    (etc / "kubelet.json").write_text(json.dumps(_kubelet(s), indent=1))
    (etc / "resolv.conf").write_text("")


def _containerd(s: Settings) -> str:
    d = s.state_dir
    return f"""version = 2
root = "{d}/containerd"
state = "{d}/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "{s.containerd_socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "{d}/containerd-opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true   # where root lacks CAP_SYS_RESOURCE, as in some VMs
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{d}/etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def _cni(s: Settings) -> dict[str, Any]:
    return {
        "cniVersion": "0.4.0",
        "name": "kube-lab",
        "plugins": [
            {
                "type": "bridge",
                "bridge": s.bridge,
                "isGateway": True,
                "ipMasq": False,
                "hairpinMode": True,
                "ipam": {
                    "type": "host-local",
                    "dataDir": f"{s.state_dir}/cni/addresses",
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "ranges": [
                        [
                            {
                                "subnet": s.subnet,
                                "rangeStart": str(s.network.network_address + 10),
                                "gateway": s.node_ip,
                            }
                        ]
                    ],
                },
            }
        ],
    }


def _kubelet(s: Settings) -> dict[str, Any]:
    pki = str(s.pki_dir)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": s.node_ip,
        "port": s.kubelet_port,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": s.kubelet_health_port,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": "/" + s.cgroup,
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": ["pods"],
        "failSwapOn": False,
        "makeIPTablesUtilChains": False,  # no rule of the host's firewall is touched
        "clusterDNS": [s.node_ip],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{s.state_dir}/etc/resolv.conf",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {"mode": "AlwaysAllow"},  # of those who hold a certificate of the lab's CA
        "tlsCertFile": f"{pki}/kubelet-server.crt",
        "tlsPrivateKeyFile": f"{pki}/kubelet-server.key",
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,  # the images come back only with `up`
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "nodefs.inodesFree": "1%",
            "imagefs.available": "1%",
        },
        "maxPods": 100,
        "staticPodPath": str(s.static_pods),
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
    }
