"""A registry for seams: a decorator for ours, entry points for third parties."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from luts.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Maps names to factories.

    Built-in ones are named by ``module:attribute`` strings, which are imported on first use, so
    that a lower floor can offer what a higher one implements and nothing heavy loads early.

    Args:
        what: the word used in error messages.
        group: entry point group, such as ``metronas.spaces``.
        builtin: name to ``module:attribute``.
    """

    def __init__(self, what: str, group: str, builtin: dict[str, str] | None = None) -> None:
        self.what = what
        self.group = group
        self._paths = dict(builtin or {})
        self._loaded: dict[str, Callable[..., T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Decorator that adds a factory under a name; a name can be taken only once."""

        def add(factory: Callable[..., T]) -> Callable[..., T]:
            if name in self._loaded:
                raise ValueError(f"{self.what} '{name}' is already registered")
            self._loaded[name] = factory
            return factory

        return add

    def names(self) -> list[str]:
        """All names, sorted: built in, registered and from entry points."""
        found = {point.name for point in entry_points(group=self.group)}
        return sorted(found | set(self._paths) | set(self._loaded))

    def get(self, name: str) -> Callable[..., T]:
        """The factory of a name.

        Raises:
            UnknownNameError: no such name.
        """
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Callable[..., T]:
        if name in self._paths:
            module, _, attribute = self._paths[name].partition(":")
            loaded: Callable[..., T] = getattr(import_module(module), attribute)
            return loaded
        for point in entry_points(group=self.group, name=name):
            external: Callable[..., T] = point.load()
            return external
        raise UnknownNameError(self.what, name, self.names())
