"""What etcd's own error texts and log lines mean, as data."""

from __future__ import annotations

from dataclasses import dataclass

from etcdtui.errors import EtcdError, NotPermitted, Refused


@dataclass(frozen=True, slots=True)
class Explanation:
    """What one of etcd's texts means."""

    text: str
    """The part of etcd's text that is recognised."""
    meaning: str
    hint: str = ""
    error: type[EtcdError] = Refused


_KNOWN: tuple[Explanation, ...] = (
    # Authentication and authorisation.
    Explanation(
        "permission denied",
        "the user lacks the permission for this call",
        "use root or a user whose role allows it",
        NotPermitted,
    ),
    Explanation(
        "user name is empty",
        "authentication is enabled and no user was given",
        "give a user and a password",
        NotPermitted,
    ),
    Explanation(
        "invalid auth token",
        "the token has expired or the member that issued it was restarted",
        "try again; a new token is fetched",
        NotPermitted,
    ),
    Explanation(
        "revision of auth store is old",
        "users or roles were changed after the token was issued",
        "try again; a new token is fetched",
        NotPermitted,
    ),
    Explanation(
        "auth: revision in header is old",
        "users or roles were changed after the token was issued",
        "try again; a new token is fetched",
        NotPermitted,
    ),
    Explanation(
        "authentication failed, invalid user ID or password",
        "wrong user name or password",
        "check the user and the password",
        NotPermitted,
    ),
    Explanation(
        "authentication is not enabled",
        "a user was given, but this cluster has no authentication enabled",
        "leave the user and the password out, or enable authentication",
    ),
    # Quorum and leadership.
    Explanation(
        "no leader",
        "this member knows no leader: an election is under way, or there is no quorum",
        "wait for the election, else bring voters back until there is a quorum",
    ),
    Explanation(
        "leader changed",
        "leadership moved while the call was under way",
        "look at the cluster, then try again",
    ),
    Explanation(
        "not leader",
        "this member does not lead, and only the leader can do that",
        "send it to the leader",
    ),
    Explanation(
        "possibly due to previous leader failure",
        "no quorum agreed in time: the leader was lost meanwhile",
        "wait for the election; a change may or may not have happened",
    ),
    Explanation(
        "possibly due to connection lost",
        "no quorum agreed in time: the member lost its peers",
        "check the network between the members; a change may or may not have happened",
    ),
    Explanation(
        "waiting for the applied index took too long",
        "the member is too slow in applying what was agreed",
        "check its disk and its load",
    ),
    Explanation(
        "request timed out",
        "no quorum agreed in time: too few voters, a slow disk or a slow network",
        "check the quorum and the disks; a change may or may not have happened",
    ),
    Explanation(
        "too many requests",
        "the member has more than 5000 agreed entries that are not applied yet",
        "lower the load, and check its disk",
    ),
    Explanation(
        "server stopped", "the member is shutting down", "wait until it is back, or ask another member"
    ),
    # The store.
    Explanation(
        "database space exceeded",
        "the database reached its quota (alarm NOSPACE): writes are refused",
        "compact, defragment every member, then disarm the alarm",
    ),
    Explanation(
        "corrupt cluster",
        "members disagree about the data (alarm CORRUPT): etcd stopped on purpose",
        "find the odd member by its hash, replace it, then disarm the alarm",
    ),
    Explanation(
        "required revision has been compacted", "that revision was compacted away", "use a newer revision"
    ),
    Explanation(
        "required revision is a future revision",
        "that revision does not exist yet",
        "use the current revision or an older one",
    ),
    Explanation("requested lease not found", "the lease has expired or was revoked", "grant a new one"),
    Explanation(
        "request is too large", "the request is larger than --max-request-bytes", "send less at once"
    ),
    # Members.
    Explanation(
        "not enough started members",
        "the new cluster could not keep a quorum of started members",
        "start the unstarted members, or remove those that never will be",
    ),
    Explanation(
        "unhealthy cluster",
        "the leader has not been connected to all members it needs for at least 5 s",
        "remove a dead member first; after a restart wait 5 s",
    ),
    Explanation(
        "which is in sync with leader",
        "the learner has not caught up with the leader yet",
        "wait until its index is close to the leader's, then promote again",
    ),
    Explanation(
        "can only promote a learner member",
        "that member is a voter already",
        "read the member list again",
    ),
    Explanation(
        "too many learner members",
        "the cluster has as many learners as it allows (one by default)",
        "promote or remove the learner there is",
    ),
    Explanation(
        "member not found", "no member has that ID, it may have been removed", "read the member list again"
    ),
    Explanation(
        "Peer URLs already exists", "a member with one of these peer URLs exists", "use another peer URL"
    ),
    Explanation("given member URLs are invalid", "a peer URL is not valid", "write it as http://host:2380"),
    Explanation(
        "bad leader transferee",
        "leadership can only go to a voter that is connected",
        "choose a healthy voter",
    ),
    Explanation(
        "rpc not supported for learner",
        "this member is a learner: it serves neither linearizable reads nor writes",
        "ask a voter",
    ),
    Explanation(
        "not capable",
        "the cluster's version is too old for this call while members of an older version run",
        "finish the upgrade of all members",
    ),
    # What a member writes into its log when it cannot start or join.
    Explanation(
        "cluster ID mismatch",
        "the member belongs to another cluster: other initial members or another token",
        "compare --initial-cluster and --initial-cluster-token, or give it an empty data directory",
    ),
    Explanation(
        "has already been bootstrapped",
        "the member lost its data and the cluster still lists its old ID",
        "remove the old member, add it anew and start it with --initial-cluster-state existing",
    ),
    Explanation(
        "permanently removed from the cluster",
        "this member was removed and its data directory is of no more use",
        "move the data directory away and add it as a new member",
    ),
    Explanation(
        "member count is unequal",
        "--initial-cluster does not list the members the cluster has",
        "give --initial-cluster exactly the members of the member list",
    ),
    Explanation(
        "unmatched member while checking PeerURLs",
        "--initial-cluster has a peer URL that no member has",
        "give the peer URLs exactly as in the member list",
    ),
)


def explanation(text: str) -> Explanation | None:
    """What a text of etcd means (an error or a line of its log); None when it is not a known one."""
    return next((known for known in _KNOWN if known.text in text), None)
