"""The words for errors, without a server: texts as etcd and gRPC were seen to give them."""

from __future__ import annotations

import pytest

from etcdtui.errors import DeadlineExceeded, EtcdError, NotPermitted, Refused, Unreachable
from etcdtui.etcd.api import Target
from etcdtui.etcd.errors import explain, is_permission_denied, is_stale_token
from etcdtui.etcd.explanations import explanation

TARGET = Target("https://db-1.example:2379", "unix:/run/tunnel")


@pytest.mark.parametrize(
    ("code", "details", "kind", "words"),
    [
        ("UNAVAILABLE", "etcdserver: no leader", Refused, "no leader: this member knows no leader"),
        ("UNAVAILABLE", "etcdserver: leader changed", Refused, "leadership moved"),
        ("UNAVAILABLE", "etcdserver: request timed out", Refused, "no quorum agreed in time: too few"),
        (
            "UNAVAILABLE",
            "etcdserver: request timed out, possibly due to previous leader failure",
            Refused,
            "the leader was lost meanwhile",
        ),
        (
            "UNAVAILABLE",
            "etcdserver: request timed out, possibly due to connection lost",
            Refused,
            "the member lost its peers",
        ),
        ("RESOURCE_EXHAUSTED", "etcdserver: too many requests", Refused, "5000 agreed entries"),
        ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", Refused, "reached its quota"),
        ("DATA_LOSS", "etcdserver: corrupt cluster", Refused, "members disagree"),
        ("PERMISSION_DENIED", "etcdserver: permission denied", NotPermitted, "lacks the permission"),
        ("UNAUTHENTICATED", "etcdserver: invalid auth token", NotPermitted, "expired"),
        ("INVALID_ARGUMENT", "etcdserver: user name is empty", NotPermitted, "no user was given"),
        ("UNKNOWN", "auth: revision in header is old", NotPermitted, "users or roles were changed"),
        ("PERMISSION_DENIED", "a proxy says no", NotPermitted, "a proxy says no"),
        ("UNAVAILABLE", "etcdserver: unhealthy cluster", Refused, "at least 5 s"),
        ("FAILED_PRECONDITION", "etcdserver: not leader", Refused, "does not lead"),
        ("UNAVAILABLE", "etcdserver: rpc not supported for learner", Refused, "is a learner"),
        ("FAILED_PRECONDITION", "etcdserver: rpc not supported for learner", Refused, "is a learner"),
        ("UNIMPLEMENTED", "unknown method Downgrade", Refused, "does not know this call"),
        ("INTERNAL", "something else", Refused, "something else"),
        ("UNKNOWN", "", Refused, "etcd answered UNKNOWN"),
        ("UNAVAILABLE", "etcdserver: a text of the future", Refused, "a text of the future"),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", DeadlineExceeded, "no answer within 1.5 s: frozen"),
        ("DEADLINE_EXCEEDED", "etcdserver: context deadline exceeded", DeadlineExceeded, "no answer"),
        ("UNAVAILABLE", "Socket closed", Unreachable, "connection closed by db-1.example:2379"),
        ("UNAVAILABLE", "recvmsg:Connection reset by peer", Unreachable, "connection reset by db-1"),
        ("UNAVAILABLE", "connect: No route to host (113)", Unreachable, "no route to db-1.example:2379"),
        ("UNAVAILABLE", "connect: Network is unreachable (101)", Unreachable, "no route to"),
        ("UNAVAILABLE", "keepalive watchdog timeout", Unreachable, "no answer from|fell silent"),
        ("UNAVAILABLE", "failed to connect: Timeout occurred", Unreachable, "attempt to connect"),
        ("CANCELLED", "Channel closed!", Unreachable, "closed by etcdtui"),
        ("UNAVAILABLE", "words never seen before", Unreachable, "not reachable: words never seen before"),
    ],
)
def test_each_answer_has_its_kind_and_its_words(
    code: str, details: str, kind: type[EtcdError], words: str
) -> None:
    error = explain(code, details, TARGET, 1.5)
    assert type(error) is kind
    assert error.details == details
    with pytest.raises(kind, match=words):
        raise error


@pytest.mark.parametrize(
    "line",
    [
        "cluster ID mismatch: local: 1, remote: 2",
        "member 8211f1d0f64f3269 has already been bootstrapped",
        "the member has been permanently removed from the cluster",
        "error validating peerURLs {...}: member count is unequal",
        "error validating peerURLs {...}: unmatched member while checking PeerURLs",
    ],
)
def test_lines_of_the_log_are_explained(line: str) -> None:
    found = explanation(line)
    assert found is not None
    assert found.meaning
    assert found.hint


def test_what_is_not_known_has_no_explanation() -> None:
    assert explanation("serving client traffic") is None


def test_untrusted_text_is_made_harmless_and_kept_verbatim() -> None:
    evil = "\x1b[2Jgone\u202e"
    error = explain("UNKNOWN", evil, TARGET, 1)
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)
    assert error.details == evil


def test_only_a_token_problem_is_worth_a_new_token() -> None:
    assert is_stale_token(explain("UNAUTHENTICATED", "etcdserver: invalid auth token", TARGET, 1))
    assert not is_stale_token(explain("PERMISSION_DENIED", "etcdserver: permission denied", TARGET, 1))
    assert is_permission_denied(explain("PERMISSION_DENIED", "etcdserver: permission denied", TARGET, 1))
    assert not is_permission_denied(explain("UNAUTHENTICATED", "etcdserver: invalid auth token", TARGET, 1))
