"""The kit's command line: build, up, down, status and kubeconfig."""

import argparse
import os
import sys

from tests.labs.kube import __doc__ as about
from tests.labs.kube import settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.labs.kube", description=about)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        (
            "build",
            "install Debian's packages and build everything into the cache; nothing to do when it is there",
        ),
        ("up", "start the cluster and wait until its node is Ready"),
        ("down", "stop the cluster; its data is kept"),
        ("status", "say what runs; exit status 0 when the node is Ready"),
        ("kubeconfig", "print the path of the kubeconfig"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        settings.add_flags(sub)
        if name == "build":
            sub.add_argument("--keep", action="store_true", help="keep the source tree and Go's build cache")
        if name == "down":
            sub.add_argument("--wipe", action="store_true", help="delete the cluster's data too")
    args = parser.parse_args()
    s = settings.from_args(args)
    if args.command == "kubeconfig":
        print(s.kubeconfig)
        return 0
    if args.command in ("build", "up", "down") and os.geteuid() != 0:
        print("root is needed", file=sys.stderr)
        return 1
    if args.command == "build":
        from tests.labs.kube import build

        build.build(s, keep=args.keep)
        return 0
    from tests.labs.kube import cluster

    if args.command == "up":
        return cluster.up(s)
    if args.command == "down":
        return cluster.down(s, wipe=args.wipe)
    return cluster.status(s)


if __name__ == "__main__":
    sys.exit(main())
