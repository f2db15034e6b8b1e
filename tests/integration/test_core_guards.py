"""Promises to the services: whoever calls the outside world under a transaction finds out at once."""

import pytest
from django.db import transaction

from libs.db.guards import TransactionGuardError, assert_in_transaction, assert_no_transaction


@pytest.mark.django_db
class TestInsideATestsOwnTransaction:
    def test_the_tests_own_transaction_does_not_count(self) -> None:
        assert_no_transaction()
        with pytest.raises(TransactionGuardError):
            assert_in_transaction()

    def test_a_transaction_of_the_code_counts(self) -> None:
        with transaction.atomic():
            assert_in_transaction()
            with pytest.raises(TransactionGuardError, match="Commit first"):
                assert_no_transaction()
        assert_no_transaction()

    def test_a_savepoint_counts_until_the_outer_one_ends(self) -> None:
        with transaction.atomic():
            with transaction.atomic():
                assert_in_transaction()
            with pytest.raises(TransactionGuardError):
                assert_no_transaction()

    def test_a_failed_transaction_is_over(self) -> None:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            _ = 1 / 0
        assert_no_transaction()


@pytest.mark.django_db(transaction=True)
def test_without_a_tests_transaction_it_is_the_same() -> None:
    assert_no_transaction()
    with transaction.atomic():
        assert_in_transaction()
        with pytest.raises(TransactionGuardError):
            assert_no_transaction()
    assert_no_transaction()
