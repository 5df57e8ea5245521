"""Questions of connections on the screen: nothing that is typed shows, and only `y` accepts a host key."""

from __future__ import annotations

import threading

from etcdtui.ui.asking import ConsoleAsker
from tests.ui.pilot import console, screen_text, shows, until
from tests.ui.scripted import ScriptedSession, healthy


class Question:
    """One question asked in a thread of its own, as a connection does."""

    def __init__(self, asker: ConsoleAsker, call: str, *words: object) -> None:
        self.answer: object = "none yet"
        self._thread = threading.Thread(target=self._ask, args=(asker, call, words), daemon=True)
        self._thread.start()

    def _ask(self, asker: ConsoleAsker, call: str, words: tuple[object, ...]) -> None:
        self.answer = getattr(asker, call)(*words)

    def answered(self) -> bool:
        return not self._thread.is_alive()


async def test_a_secret_is_typed_unseen_and_may_be_declined() -> None:
    asker = ConsoleAsker()
    early = Question(asker, "ask_secret", "passphrase of [red]id[/] for ops@bastion: \x1b[2J")
    async with console(ScriptedSession(healthy()), asker=asker) as (app, pilot):
        text = await shows(app, pilot, "passphrase of [red]id[/] for ops@bastion")
        assert "\x1b" not in text
        second = Question(asker, "ask_secret", "sudo password of pat@n1: ")
        await pilot.press(*"hunter2")
        assert "hunter2" not in screen_text(app)
        assert "sudo password" not in screen_text(app)
        await pilot.press("enter")
        await until(pilot, early.answered)
        assert early.answer == "hunter2"
        await shows(app, pilot, "sudo password of pat@n1")
        await pilot.press("escape")
        await until(pilot, second.answered)
        assert second.answer is None


async def test_an_unknown_host_key_is_accepted_with_y_alone() -> None:
    asker = ConsoleAsker()
    async with console(ScriptedSession(healthy()), asker=asker) as (app, pilot):
        for key, answer in (("enter", None), ("n", False), ("y", True), ("escape", False)):
            question = Question(asker, "confirm_host_key", "op@n1 (10.0.0.1)", "ED25519 SHA256:abc")
            await shows(app, pilot, "op@n1 (10.0.0.1)", "ED25519 SHA256:abc")
            await pilot.press(key)
            if answer is None:
                assert not question.answered()
                await pilot.press("n")
            await until(pilot, question.answered)
            assert question.answer is (answer or False)


async def test_one_of_several_is_chosen_by_its_line() -> None:
    asker = ConsoleAsker()
    several = [("prod/etcd", "StatefulSet, 3 of 3 ready"), ("kube-system/[b]x[/]", "static pods, etcd-cp1")]
    async with console(ScriptedSession(healthy()), asker=asker) as (app, pilot):
        for keys, answer in (
            (("enter",), 0),
            (("j", "enter"), 1),
            (("k", "k", "enter"), 0),
            (("escape",), None),
        ):
            question = Question(asker, "choose", "which one is it?", several)
            await shows(app, pilot, "which one is it?", "kube-system/[b]x[/]", "static pods, etcd-cp1")
            await pilot.press(*keys)
            await until(pilot, question.answered)
            assert question.answer == answer


async def test_a_console_that_ends_leaves_nobody_waiting() -> None:
    asker = ConsoleAsker()
    async with console(ScriptedSession(healthy()), asker=asker) as (app, pilot):
        question = Question(asker, "ask_secret", "password of ops@bastion: ")
        await shows(app, pilot, "ops@bastion")
    question._thread.join(20)
    assert question.answer is None
    assert Question(asker, "confirm_host_key", "a", "b").answer in ("none yet", False)
