"""An etcd cluster on the lab's nodes, run as operators run it: systemd, a static pod, a process by hand."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.labs.hosts.lab import Lab
from tests.labs.hosts.machines import Machine

KINDS = ("systemd", "unit", "static", "process")
"""Debian's ``etcd.service`` set by /etc/default/etcd; a unit of another name with flags; a kubeadm
manifest; a process with a pid file."""

MIXED = ("unit", "static", "process")

KUBELET = r"""#!/bin/sh
# Stands in for a kubelet where none can run: it starts and ends the etcd of a static pod manifest as the
# file comes and goes. It proves nothing about images, probes, cgroups or mirror pods.
manifest=/etc/kubernetes/manifests/etcd.yaml
pid=
trap '[ -n "$pid" ] && kill $pid; exit 0' TERM
while :; do
    if [ -e $manifest ] && { [ -z "$pid" ] || ! kill -0 $pid 2>/dev/null; }; then
        set -- $(sed -n 's/^    - \(--.*\)$/\1/p' $manifest)
        # /var/log/pods/NAMESPACE_NAME_UID/CONTAINER/N.log is where a kubelet keeps what a container prints.
        log=/var/log/pods/kube-system_etcd-$(hostname)_0/etcd; mkdir -p $log
        /opt/etcd/etcd "$@" 2>&1 | sed -u 's/^/2026-01-01T00:00:00.000000000Z stderr F /' >> $log/0.log &
        for i in $(seq 50); do pid=$(pgrep -x etcd | head -1); [ -n "$pid" ] && break; sleep 0.1; done
    elif [ ! -e $manifest ] && [ -n "$pid" ]; then
        kill $pid 2>/dev/null; pid=
    fi
    sleep 0.2
done
"""

KUBELET_UNIT = "[Service]\nExecStart=/usr/local/sbin/kubelet\n[Install]\nWantedBy=multi-user.target\n"

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: etcd
  namespace: kube-system
  labels: {{component: etcd, tier: control-plane}}
spec:
  hostNetwork: true
  containers:
  - name: etcd
    image: registry.k8s.io/etcd:3.5.1-0
    command:
    - etcd
{flags}
    volumeMounts:
    - {{mountPath: {data}, name: etcd-data}}
  volumes:
  - hostPath: {{path: {data}, type: DirectoryOrCreate}}
    name: etcd-data
"""

UNIT = """\
[Unit]
Description=key-value store of the shop
[Service]
Type=notify
ExecStart=/opt/etcd/etcd {flags}
Restart=on-failure
RestartSec=1s
[Install]
WantedBy=multi-user.target
"""

DATA = {
    "systemd": "/var/lib/etcd/default",
    "unit": "/srv/kv",
    "static": "/var/lib/etcd",
    "process": "/home/op/etcd-data",
}
MANIFEST_FILE = "/etc/kubernetes/manifests/etcd.yaml"
ASIDE = "/etc/kubernetes/etcd.yaml.stopped-by-etcdtui"
UNITS = {"systemd": "etcd", "unit": "kvstore"}
OLDER = """
mkdir -p /opt/etcd-v3.4.23 && cp /usr/bin/etcd /usr/bin/etcdctl /opt/etcd-v3.4.23/
ln -sfn etcd-v3.4.23 /opt/etcd
"""
"""Debian's etcd beside the newer one, and the link to it."""
WIPE = """
units='etcd kvstore kubelet brought'
# Killed until nothing is left: a unit that is being started while it is killed has a process yet.
for i in $(seq 50); do
    systemctl stop --no-block $units 2>/dev/null; systemctl kill -s KILL $units 2>/dev/null
    pkill -9 -x etcd; pkill -9 -x kubelet
    pgrep -x etcd >/dev/null || systemctl is-active -q $units || break; sleep 0.1
done
systemctl reset-failed 2>/dev/null; systemctl disable -q $units 2>/dev/null
umount /var/lib/etcd/default 2>/dev/null; [ -e /opt/gone ] && mv /opt/gone /opt/etcd
ln -sfn etcd-v3.5.1 /opt/etcd
rm -rf /var/lib/etcd/* /var/lib/etcd.* /srv/kv* /home/*/etcd* /home/*/.local /etc/kubernetes /var/log/pods \
    /etc/systemd/system/kvstore.service* /etc/systemd/system/kubelet.service \
    /etc/systemd/system/etcd.service* /run/systemd/system/*.service.d /etc/default/etcd*
systemctl daemon-reload
"""
PID_FILE, COMMAND_FILE, LOG_FILE = "/home/op/etcd.pid", "/home/op/etcd.cmd", "/home/op/etcd.log"


class LabCluster:
    """A fresh cluster of three members on the nodes.

    Args:
        kinds: how each node runs its etcd, see `KINDS`.
        tls: directory with ``ca.pem``, ``server.pem``, ``server-key.pem``; None for plain text.
        options: further flags of etcd, ``--name=value``.
    """

    def __init__(
        self,
        lab: Lab,
        kinds: Sequence[str] = ("systemd",) * 3,
        tls: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self.lab = lab
        self.kinds = dict(zip((m.name for m in lab.nodes), kinds, strict=True))
        self.tls = tls
        self.options = dict(option.removeprefix("--").split("=", 1) for option in options)
        self.scheme = "https" if tls else "http"

    def client_url(self, machine: Machine) -> str:
        return f"{self.scheme}://{machine.address}:2379"

    @property
    def initial(self) -> str:
        return ",".join(f"{m.name}=http://{m.address}:2380" for m in self.lab.nodes)

    def settings(self, machine: Machine) -> dict[str, str]:
        """etcd's settings, by the names of its flags."""
        peer, client = f"http://{machine.address}:2380", self.client_url(machine)
        out = {
            "name": machine.name, "data-dir": DATA[self.kinds[machine.name]],
            "listen-client-urls": f"{client},http://127.0.0.1:2381" if self.tls else f"{client},http://127.0.0.1:2379",
            "advertise-client-urls": client, "listen-peer-urls": peer, "initial-advertise-peer-urls": peer,
            "initial-cluster": self.initial, "initial-cluster-token": "lab", "initial-cluster-state": "new",
            "heartbeat-interval": "100", "election-timeout": "1000",
        }  # fmt: skip
        if self.tls:
            pki = "/etc/kubernetes/pki/etcd"
            out |= {"cert-file": f"{pki}/server.crt", "key-file": f"{pki}/server.key"}
            out |= {"trusted-ca-file": f"{pki}/ca.crt", "client-cert-auth": "true"}
        return out | self.options

    def data_of(self, machine: Machine) -> str:
        """The data directory of a node's member."""
        return DATA[self.kinds[machine.name]]

    def flags(self, machine: Machine) -> list[str]:
        return [f"--{name}={value}" for name, value in self.settings(machine).items()]

    def up(self, before: str = "") -> None:
        """Wipe the nodes, lay the files and start all members; until every one is healthy.

        Args:
            before: a shell script that every node runs before its etcd is started.
        """
        with ThreadPoolExecutor(len(self.lab.nodes) + 1) as pool:
            list(pool.map(self.clear, (*self.lab.nodes, self.lab.spare)))
            list(pool.map(self._lay, self.lab.nodes))
            if before:
                list(pool.map(lambda m: m.run("sh", "-ec", before), self.lab.nodes))
            list(pool.map(self._start, self.lab.nodes))
        self.wait_healthy()

    @staticmethod
    def clear(machine: Machine) -> None:
        """End whatever etcd runs and take away its data and its files."""
        machine.run("sh", "-c", WIPE)

    def _lay(self, machine: Machine) -> None:
        kind = self.kinds[machine.name]
        if self.tls:
            pki = "/etc/kubernetes/pki/etcd"
            for source, target in (
                ("ca.pem", "ca.crt"), ("server.pem", "server.crt"), ("server-key.pem", "server.key"),
                ("client.pem", "healthcheck-client.crt"), ("client-key.pem", "healthcheck-client.key"),
            ):  # fmt: skip
                mode = 0o644 if kind in ("systemd", "process") or not target.endswith("key") else 0o600
                machine.write(f"{pki}/{target}", (self.tls / source).read_text(), mode)
        if kind == "systemd":
            lines = [f'ETCD_{k.upper().replace("-", "_")}="{v}"' for k, v in self.settings(machine).items()]
            machine.write("/etc/default/etcd", "\n".join(lines) + "\n")
        elif kind == "unit":
            machine.write(
                "/etc/systemd/system/kvstore.service", UNIT.format(flags=" ".join(self.flags(machine)))
            )
            machine.run("systemctl", "daemon-reload")
        elif kind == "static":
            flags = "\n".join(f"    - {flag}" for flag in self.flags(machine))
            text = MANIFEST.format(flags=flags, data=DATA["static"])
            machine.write("/etc/kubernetes/manifests/etcd.yaml.lab", text, 0o600)
            self._lay_kubelet(machine)

    @staticmethod
    def _lay_kubelet(machine: Machine) -> None:
        machine.write("/usr/local/sbin/kubelet", KUBELET, 0o755)
        machine.write("/etc/systemd/system/kubelet.service", KUBELET_UNIT)
        machine.run("systemctl", "daemon-reload")
        # A kubelet runs again after a power cut.
        machine.run("systemctl", "enable", "-q", "kubelet")

    def give_kubelet(self, machine: Machine) -> None:
        """A host that runs what is in its manifests folder, and nothing is."""
        machine.run("mkdir", "-p", "/etc/kubernetes/manifests")
        self._lay_kubelet(machine)
        machine.run("systemctl", "start", "kubelet")

    def _start(self, machine: Machine) -> None:
        kind = self.kinds[machine.name]
        if unit := UNITS.get(kind):
            machine.run("systemctl", "enable", "-q", unit)
            machine.run("systemctl", "start", "--no-block", unit)
        elif kind == "static":
            folder = "/etc/kubernetes/manifests"
            machine.run("mv", f"{folder}/etcd.yaml.lab", f"{folder}/etcd.yaml")
            machine.run("systemctl", "start", "kubelet")
        else:
            command = " ".join(["/opt/etcd/etcd", *self.flags(machine)])
            machine.write(COMMAND_FILE, command + "\n")
            script = f"nohup {command} >> {LOG_FILE} 2>&1 </dev/null & echo $! > {PID_FILE}"
            machine.run("runuser", "-u", "op", "--", "sh", "-c", script)

    def etcdctl(self, machine: Machine, *args: str) -> str:
        """etcdctl on the machine itself, at its plain loopback listener."""
        port = 2381 if self.tls else 2379
        return machine.run(
            "env", "ETCDCTL_API=3", "/opt/etcd/etcdctl", f"--endpoints=http://127.0.0.1:{port}", *args
        )

    def etcdctl_from_jump(self, urls: Sequence[str], *args: str) -> str:
        """etcdctl on the jump host, which reaches all of them."""
        endpoints = f"--endpoints={','.join(urls)}"
        return self.lab.jump.run("env", "ETCDCTL_API=3", "/opt/etcd/etcdctl", endpoints, *args)

    def stays_dead(self, machine: Machine) -> None:
        """Kill a node's etcd, and have nothing start it again by itself."""
        if self.kinds[machine.name] == "static":
            machine.run("mv", MANIFEST_FILE, ASIDE)
        machine.run("pkill", "-9", "-x", "etcd", check=False)
        if unit := UNITS.get(self.kinds[machine.name]):
            machine.run("systemctl", "stop", unit)

    def is_well(self) -> bool:
        """Whether all three members, and they alone, are healthy and called after their nodes."""
        asked = ("--dial-timeout=1s", "--command-timeout=1s")
        try:
            urls = [self.client_url(machine) for machine in self.lab.nodes]
            if self.tls:
                return False
            self.etcdctl_from_jump(urls, "endpoint", "health", *asked)
            told = self.etcdctl_from_jump(urls[:1], "member", "list", *asked).splitlines()
            spare = self.lab.spare.run("pgrep", "-x", "etcd", check=False)
        except RuntimeError:
            return False
        names = sorted(line.split(", ")[2] for line in told)
        return names == [m.name for m in self.lab.nodes] and "true" not in "".join(told) and not spare

    def wait_healthy(self, timeout: float = 40) -> None:
        """Until every member serves a linearizable read."""
        deadline = time.monotonic() + timeout
        for machine in self.lab.nodes:
            while True:
                try:
                    self.etcdctl(machine, "endpoint", "health", "--dial-timeout=1s", "--command-timeout=2s")
                    break
                except RuntimeError as error:
                    if time.monotonic() > deadline:
                        raise RuntimeError(f"{machine.name} is not healthy: {error}") from None
                    time.sleep(0.1)
