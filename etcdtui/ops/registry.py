"""Which actions there are, and which of them a site offers."""

from __future__ import annotations

from etcdtui.ops.action import Action, Request, Scope
from etcdtui.ops.actions import (
    add_member,
    auth_disable,
    auth_enable,
    bootstrap,
    compact,
    defrag,
    defrag_member,
    destroy,
    disarm_alarm,
    downgrade,
    free_space,
    kill_node,
    move_leader,
    promote,
    recover_quorum,
    remove_member,
    replace_member,
    restart_node,
    restore,
    rolling_restart,
    scale,
    snapshot_save,
    start_all,
    start_node,
    stop_all,
    stop_node,
    update_peer_urls,
    upgrade,
)
from etcdtui.sites.base import Site

__all__ = ["ACTIONS", "Action", "Request", "Scope", "actions_for"]

ACTIONS: tuple[Action, ...] = (
    start_node.ACTION,
    stop_node.ACTION,
    restart_node.ACTION,
    kill_node.ACTION,
    start_all.ACTION,
    stop_all.ACTION,
    bootstrap.ACTION,
    destroy.ACTION,
    auth_enable.ACTION,
    auth_disable.ACTION,
    move_leader.ACTION,
    add_member.ACTION,
    promote.ACTION,
    remove_member.ACTION,
    replace_member.ACTION,
    update_peer_urls.ACTION,
    scale.ACTION,
    rolling_restart.ACTION,
    upgrade.ACTION,
    downgrade.ACTION,
    snapshot_save.ACTION,
    compact.ACTION,
    defrag.ACTION,
    defrag_member.ACTION,
    free_space.ACTION,
    disarm_alarm.ACTION,
    restore.ACTION,
    recover_quorum.ACTION,
)
"""Every action, in the order of menus."""


def actions_for(site: Site, read_only: bool) -> tuple[Action, ...]:
    """The actions a site offers; in a read-only console those that change something do not exist."""
    return tuple(a for a in ACTIONS if a.offered(site) and not (read_only and a.mutating))
