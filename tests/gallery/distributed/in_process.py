"""What is used of Ray, in this process and in an order drawn by chance: fast, and it dies when told to."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class RayActorError(RayError):
    pass


class ObjectLostError(RayError):
    pass


EXCEPTIONS = SimpleNamespace(
    RayError=RayError,
    RayTaskError=RayTaskError,
    RayActorError=RayActorError,
    ObjectLostError=ObjectLostError,
)


@dataclass(eq=False)
class Call:
    actor: "Actor"
    method: str
    arguments: tuple[Any, ...]
    outcome: Any = None
    error: Exception | None = None
    done: bool = False


@dataclass(eq=False)
class Actor:
    ray: "InProcessRay"
    kind: type
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    instance: Any = None
    alive: bool = True
    calls: list[Call] = field(default_factory=list)

    def __getattr__(self, method: str) -> Any:
        return SimpleNamespace(remote=lambda *arguments: self._call(method, arguments))

    def _call(self, method: str, arguments: tuple[Any, ...]) -> Call:
        call = Call(self, method, arguments)
        self.calls.append(call)
        return call


class InProcessRay:
    """Calls happen while they are waited for, one at a time.

    Args:
        seed: of the order.
        dies: asked before each call with its method and arguments whether the actor's process ends now.
        starts: whether an actor ever comes to life.
    """

    exceptions = EXCEPTIONS

    def __init__(
        self,
        seed: int = 0,
        dies: Callable[[str, tuple[Any, ...]], bool] = lambda *_: False,
        *,
        starts: bool = True,
        machines: int = 2,
    ) -> None:
        self._random = random.Random(seed)
        self._dies = dies
        self._starts = starts
        self._machines = machines
        self.deaths = 0
        self.actors: list[Actor] = []

    def is_initialized(self) -> bool:
        return True

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": {"CPU": 1.0}}] * self._machines

    def put(self, value: Any) -> Any:
        return value

    def remote(self, kind: type) -> Any:
        def make(options: dict[str, Any]) -> Any:
            return SimpleNamespace(remote=lambda *arguments: self._hire(kind, arguments, options))

        return SimpleNamespace(options=lambda **options: make(options))

    def _hire(self, kind: type, arguments: tuple[Any, ...], options: dict[str, Any]) -> Actor:
        actor = Actor(self, kind, arguments, options)
        self.actors.append(actor)
        return actor

    def kill(self, actor: Actor) -> None:
        actor.alive = False

    def wait(self, calls: Sequence[Call], timeout: float) -> tuple[list[Call], list[Call]]:
        if not calls:
            raise ValueError("nothing to wait for")
        done = [call for call in calls if call.done]
        if not done and self._starts:
            chosen = self._random.choice(calls)
            self._run(chosen)
            done = [call for call in calls if call.done]
        return done, [call for call in calls if not call.done]

    def _run(self, call: Call) -> None:
        actor = call.actor
        while actor.alive and self._dies(call.method, call.arguments):
            self.deaths += 1
            actor.instance = None
            if actor.options.get("max_restarts") != -1:
                actor.alive = False
        if not actor.alive:
            for other in actor.calls:
                if not other.done:
                    other.done, other.error = True, RayActorError("The actor died unexpectedly.")
            return
        call.done = True
        try:
            if actor.instance is None:
                actor.instance = actor.kind(*actor.arguments)
            call.outcome = getattr(actor.instance, call.method)(*call.arguments)
        except Exception as error:
            call.error = RayTaskError(error)

    def get(self, call: Call) -> Any:
        if call.error is not None:
            raise call.error
        return call.outcome
