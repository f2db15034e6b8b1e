"""
Querysets that refuse to look at rows before somebody has said whose.

`Model.objects.for_tenant(tenant)` is the normal way in. `Model.objects.across_tenants()` is for process loops that
serve every tenant, and says so where it is called. Everything else that would touch the database raises
`UnscopedQuery`, reverse relations such as `tenant.memberships` and implicit prefetches included. Creating and saving
rows is not affected: a row carries its tenant.

What Django does by the plain base manager stays as it is: following a foreign key from a row that one already holds,
`refresh_from_db` and cascades. Two things are out of reach here and left to review: `Exists(queryset)` and
`Subquery(queryset)`, which take the SQL without asking the queryset. A `filter(x__in=queryset)` does ask, and raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from apps.core.models import Tenant

Row = TypeVar("Row", bound=models.Model)


class UnscopedQuery(RuntimeError):
    """A query would have read or changed the rows of every tenant. This is a bug in the caller."""

    def __init__(self, model_name: str) -> None:
        super().__init__(
            f"{model_name} was queried without a tenant. "
            "Use .for_tenant(tenant), or .across_tenants() where every tenant is really meant."
        )


class TenantScopedQuerySet(models.QuerySet[Row]):
    """A queryset that evaluates only once it is scoped. Filters and slices keep the scope."""

    _is_scoped: bool = False

    def for_tenant(self, tenant: Tenant | int) -> Self:
        """
        Return only the rows of one tenant.

        Args:
            tenant: The tenant, or its primary key where only that is at hand.

        Raises:
            ValueError: The tenant has not been saved, so no row can be its own.
        """
        tenant_id = tenant if isinstance(tenant, int) else tenant.pk
        if tenant_id is None:
            raise ValueError("An unsaved tenant owns no rows.")
        return self._scoped().filter(tenant_id=tenant_id)

    def across_tenants(self) -> Self:
        """Return the rows of every tenant: for process loops and sign-in, never for a request's data."""
        return self._scoped()

    def none(self) -> Self:
        """Return no rows. They are nobody's, so nothing is left to scope."""
        return super(TenantScopedQuerySet, self._scoped()).none()

    def _scoped(self) -> Self:
        clone: Self = self._chain()  # type: ignore[attr-defined]
        clone._is_scoped = True
        return clone

    def _clone(self) -> Self:
        clone: Self = super()._clone()  # type: ignore[misc]
        clone._is_scoped = self._is_scoped
        return clone

    def _require_scope(self) -> None:
        if not self._is_scoped:
            raise UnscopedQuery(self.model.__name__)

    # Iterating, len(), bool(), indexing, get(), first(), in_bulk() and values() all end in _fetch_all.
    def _fetch_all(self) -> None:
        if self._result_cache is None:
            self._require_scope()
        super()._fetch_all()

    def iterator(self, chunk_size: int | None = None) -> Iterator[Row]:
        self._require_scope()
        return super().iterator(chunk_size=chunk_size)

    def aiterator(self, chunk_size: int = 2000) -> Any:
        self._require_scope()
        return super().aiterator(chunk_size=chunk_size)

    def count(self) -> int:
        self._require_scope()
        return super().count()

    def exists(self) -> bool:
        self._require_scope()
        return super().exists()

    def contains(self, obj: models.Model) -> bool:
        self._require_scope()
        return super().contains(obj)

    def aggregate(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._require_scope()
        return super().aggregate(*args, **kwargs)

    def in_bulk(self, *args: Any, **kwargs: Any) -> dict[Any, Row]:
        self._require_scope()
        return super().in_bulk(*args, **kwargs)

    def explain(self, *args: Any, **kwargs: Any) -> str:
        self._require_scope()
        return super().explain(*args, **kwargs)

    def update(self, **kwargs: Any) -> int:
        self._require_scope()
        return super().update(**kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        self._require_scope()
        return super().delete()

    def bulk_update(self, *args: Any, **kwargs: Any) -> int:
        self._require_scope()
        return super().bulk_update(*args, **kwargs)

    def raw(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refused: SQL text cannot be scoped from here."""
        raise UnscopedQuery(self.model.__name__)

    # A queryset inside another query: filter(video__in=queryset).
    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        self._require_scope()
        return super().resolve_expression(*args, **kwargs)

    def _combinator_query(self, combinator: str, *other_qs: Any, **kwargs: Any) -> Self:
        self._require_all_scoped(other_qs)
        combined: Self = super()._combinator_query(combinator, *other_qs, **kwargs)  # type: ignore[misc]
        return combined

    def __or__(self, other: models.QuerySet[Row]) -> Self:
        return self._combined(super().__or__, other)

    def __and__(self, other: models.QuerySet[Row]) -> Self:
        return self._combined(super().__and__, other)

    def __xor__(self, other: models.QuerySet[Row]) -> Self:
        return self._combined(super().__xor__, other)

    def _combined(self, combine: Callable[[Any], Any], other: models.QuerySet[Row]) -> Self:
        self._require_all_scoped((other,))
        combined: Self = combine(other)
        return combined

    def _require_all_scoped(self, others: Sequence[Any]) -> None:
        self._require_scope()
        for other in others:
            if isinstance(other, TenantScopedQuerySet):
                other._require_scope()


class TenantScopedManager(models.Manager[Row]):
    """The default manager of every model whose rows belong to a tenant."""

    def get_queryset(self) -> TenantScopedQuerySet[Row]:
        return TenantScopedQuerySet(model=self.model, using=self._db, hints=self._hints)  # type: ignore[attr-defined]

    def for_tenant(self, tenant: Tenant | int) -> TenantScopedQuerySet[Row]:
        """See `TenantScopedQuerySet.for_tenant`."""
        return self.get_queryset().for_tenant(tenant)

    def across_tenants(self) -> TenantScopedQuerySet[Row]:
        """See `TenantScopedQuerySet.across_tenants`."""
        return self.get_queryset().across_tenants()
