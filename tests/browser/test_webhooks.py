"""To an owner at the settings page: a webhook is made, tried, watched, switched, and taken away without leaving it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from standardwebhooks import Webhook

from tests.browser.axe import serious_findings
from tests.support.receiver import Receiver, always
from tests.support.stack import Stack


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as listening:
        yield listening


def test_an_owner_makes_a_webhook_tries_it_and_reads_what_came_back(
    page: Page, stack: Stack, receiver: Receiver
) -> None:
    receiver.answer = always(503, body="점검 중입니다".encode())
    page.get_by_test_id("nav-settings").click()
    page.get_by_test_id("webhook-add").click()
    page.get_by_test_id("webhook-url").fill("https://10.0.0.1/hook")
    page.get_by_test_id("webhook-save").click()
    expect(page.get_by_text("이 주소로는 웹훅을 보낼 수 없습니다")).to_be_visible()
    page.get_by_test_id("webhook-url").fill(receiver.url)
    page.get_by_test_id("webhook-save").click()
    secret = page.get_by_test_id("webhook-secret").inner_text().strip()

    item = page.get_by_test_id("webhook-item").filter(has_text=receiver.url)
    item.get_by_test_id("webhook-test").click()
    delivery = item.get_by_test_id("webhook-delivery").first
    expect(delivery).to_have_attribute("data-state", "failed", timeout=15_000)
    expect(delivery.get_by_test_id("webhook-answer")).to_have_text("점검 중입니다")
    received = receiver.received[0]
    assert Webhook(secret).verify(received.body.decode(), dict(received.headers)) == received.document
    assert serious_findings(page) == []

    page.reload()
    expect(item).to_be_visible()
    assert secret not in page.content()
    item.get_by_test_id("webhook-switch").click()
    expect(item).to_have_attribute("data-enabled", "false")
    item.get_by_test_id("webhook-more").click()
    page.get_by_test_id("webhook-remove").click()
    page.get_by_test_id("webhook-remove-confirm").click()
    expect(item).to_have_count(0)
    expect(page.get_by_text("웹훅을 삭제했습니다", exact=True)).to_be_visible()
