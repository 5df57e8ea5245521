"""Other settings are written where the old ones stand, and nothing else is touched."""

from __future__ import annotations

import pytest
import yaml

from etcdtui.errors import NodeError
from etcdtui.sites.ssh.addresses import member_name, nearest, with_host
from etcdtui.sites.ssh.facts import Runs
from etcdtui.sites.ssh.settings import changed_flags, changed_manifest, exec_start, like
from etcdtui.sites.ssh.source import Source, changed, copied

JOIN = {"initial-cluster": "a=http://10.0.0.1:2380", "initial-cluster-state": "existing"}
ENV = '# ours\nETCD_NAME="a"\nETCD_INITIAL_CLUSTER="x=y"\nOTHER=1\n'


def test_flags_are_replaced_however_they_are_written() -> None:
    argv = ["/opt/etcd", "-name", "a", "--initial-cluster=x=y", "--force-new-cluster", "--data-dir", "/d"]
    out = changed_flags(argv, {**JOIN, "force-new-cluster": None})
    assert out == [
        "/opt/etcd", "-name", "a", f"--initial-cluster={JOIN['initial-cluster']}", "--data-dir", "/d",
        "--initial-cluster-state=existing",
    ]  # fmt: skip


def test_a_setting_never_stands_as_a_flag_and_as_a_variable() -> None:
    source = Source(
        Runs.SYSTEMD, ("/usr/bin/etcd", "--initial-cluster-state=new", "$ARGS"), unit="etcd.service",
        files={"/etc/default/etcd": ENV},
    )  # fmt: skip
    files = changed(source, JOIN)
    assert files["/etc/default/etcd"] == ENV.replace("x=y", JOIN["initial-cluster"])
    assert files[source.drop_in_path].splitlines()[1:] == [
        "[Service]", "ExecStart=", "ExecStart=/usr/bin/etcd --initial-cluster-state=existing $ARGS",
    ]  # fmt: skip


def test_variables_of_the_unit_itself_stay_variables() -> None:
    source = Source(
        Runs.SYSTEMD, ("/usr/bin/etcd",), unit="etcd.service", environment={"ETCD_NAME": "a", "ETCD_X": "y z"}
    )
    (text,) = changed(source, JOIN).values()
    assert "ExecStart" not in text
    assert 'Environment="ETCD_X=y z"' in text
    assert "Environment=ETCD_INITIAL_CLUSTER_STATE=existing" in text


def test_a_unit_that_a_host_lacks_is_copied_with_its_flags_replaced() -> None:
    unit = "[Service]\nType=notify\nExecStart=/opt/etcd \\\n  --name=a\nRestart=always\n"
    source = Source(Runs.SYSTEMD, ("/opt/etcd", "--name=a"), unit="kv.service", unit_text=unit)
    (text,) = copied(source, {"name": "b"}, has_unit=False).values()
    assert text == "[Service]\nType=notify\nExecStart=/opt/etcd --name=b\nRestart=always\n"
    assert exec_start(["/opt/etcd", "100%", "a b"]) == 'ExecStart=/opt/etcd 100%% "a b"'


def test_a_config_file_counts_alone_and_damage_is_named() -> None:
    source = Source(
        Runs.SYSTEMD, ("/opt/etcd", "--config-file=/etc/e.yml"), unit="kv.service",
        config_file="/etc/e.yml", config_text="# Whose it is.\nname: a\nlogger: zap\n",
    )  # fmt: skip
    (text,) = changed(source, JOIN).values()
    assert text.startswith("# Whose it is.\n")
    assert yaml.safe_load(text) == {"name": "a", "logger": "zap", **JOIN}
    with pytest.raises(NodeError, match=r"/etc/e\.yml: not a mapping"):
        changed(Source(Runs.SYSTEMD, config_file="/etc/e.yml", config_text="- a"), JOIN)


def test_a_manifest_keeps_everything_but_its_flags() -> None:
    note = "kubeadm.kubernetes.io/etcd.advertise-client-urls"
    pod = {
        "metadata": {"annotations": {note: "https://old:2379"}},
        "spec": {"containers": [{"command": ["etcd", "--name=a"], "image": "i"}], "hostNetwork": True},
    }
    out = yaml.safe_load(changed_manifest(yaml.safe_dump(pod), {"advertise-client-urls": "https://b:2379"}))
    assert out["metadata"]["annotations"][note] == "https://b:2379"
    assert out["spec"]["containers"][0]["command"][1:] == [
        "--name=a",
        "--advertise-client-urls=https://b:2379",
    ]
    assert out["spec"]["hostNetwork"] is True


def test_names_and_addresses_follow_the_pattern_of_the_siblings() -> None:
    words = {"n1": "n4", "10.0.0.1": "10.0.0.4"}
    assert (
        like("http://10.0.0.1:2380,http://10.0.0.11:2380", words)
        == "http://10.0.0.4:2380,http://10.0.0.11:2380"
    )
    assert like("/etc/etcd/n1.pem", words) == "/etc/etcd/n4.pem"
    assert like("/srv/n1-old/n11", words) == "/srv/n1-old/n11"
    assert member_name("h4", {"h1": "etcd-1", "h2": "etcd-2"}, {"etcd-1", "etcd-2", "etcd-3"}) == "etcd-4"
    assert member_name("h4", {"h1": "h1"}, {"h1"}) == "h4"
    assert nearest("10.0.0.1", ["192.168.1.4", "10.0.1.4", "10.0.0.4"]) == "10.0.0.4"
    assert nearest("10.0.0.1", ["192.168.1.4"]) == ""
    assert with_host("https://a:2379", "fd00::4") == "https://[fd00::4]:2379"
