"""Makes the lab's keys, certificates and kubeconfigs with openssl, once."""

import base64
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.labs.kube.settings import Settings

CLIENTS = {  # certificate: its subject
    "admin": "/O=system:masters/CN=lab-admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "kubelet-client": "/O=system:nodes/CN=system:node:{node}",
    "apiserver-kubelet": "/O=system:masters/CN=kube-apiserver-kubelet-client",
}


def make(s: Settings) -> None:
    d = s.pki_dir
    if s.kubeconfig.exists():
        return
    d.mkdir(parents=True, exist_ok=True)
    d.chmod(0o700)
    for ca in ("ca", "front-proxy-ca"):
        _openssl(
            "req",
            "-x509",
            *_new_key(d / f"{ca}.key"),
            "-out",
            d / f"{ca}.crt",
            "-days",
            3650,
            "-subj",
            f"/CN=kube-lab-{ca}",
            "-addext",
            "keyUsage=critical,keyCertSign,cRLSign,digitalSignature",
        )
    names = [
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ]
    _certificate(d, "apiserver", "/CN=kube-apiserver", names, ["127.0.0.1", s.node_ip, s.service_ip])
    _certificate(
        d, "kubelet-server", f"/O=system:nodes/CN=system:node:{s.node}", [s.node], ["127.0.0.1", s.node_ip]
    )
    for name, subject in CLIENTS.items():
        _certificate(d, name, subject.format(node=s.node))
    _certificate(d, "front-proxy", "/CN=front-proxy-client", ca="front-proxy-ca")
    _openssl("genrsa", "-out", d / "service-accounts.key", 2048)
    _openssl("rsa", "-in", d / "service-accounts.key", "-pubout", "-out", d / "service-accounts.pub")
    for name in ("controller-manager", "scheduler", "kubelet-client"):
        _kubeconfig(s, d / f"{name}.kubeconfig", name)
    _kubeconfig(s, s.kubeconfig, "admin")


def _openssl(*args: object) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def _new_key(path: Path) -> list[Any]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path]


def _certificate(
    d: Path, name: str, subject: str, dns: Sequence[str] = (), ips: Sequence[str] = (), ca: str = "ca"
) -> None:
    request, extensions = d / "request", d / "extensions"
    alt = [f"DNS:{n}" for n in dns] + [f"IP:{i}" for i in ips]
    extensions.write_text(
        "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
        f"extendedKeyUsage={'serverAuth' if alt else 'clientAuth'}\n"
        + (f"subjectAltName={','.join(alt)}\n" if alt else "")
    )
    _openssl("req", *_new_key(d / f"{name}.key"), "-out", request, "-subj", subject)
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        d / f"{ca}.crt",
        "-CAkey",
        d / f"{ca}.key",
        "-CAcreateserial",
        "-out",
        d / f"{name}.crt",
        "-days",
        3650,
        "-extfile",
        extensions,
    )
    request.unlink()
    extensions.unlink()


def _kubeconfig(s: Settings, path: Path, name: str) -> None:
    def data(file: str) -> str:
        return base64.b64encode((s.pki_dir / file).read_bytes()).decode()

    path.touch(mode=0o600)
    path.write_text(f"""apiVersion: v1
kind: Config
clusters:
- name: kube-lab
  cluster:
    server: {s.api_url}
    certificate-authority-data: {data("ca.crt")}
users:
- name: {name}
  user:
    client-certificate-data: {data(name + ".crt")}
    client-key-data: {data(name + ".key")}
contexts:
- name: kube-lab
  context:
    cluster: kube-lab
    user: {name}
current-context: kube-lab
""")
