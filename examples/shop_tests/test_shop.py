"""The shop, as its customers see it."""

from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest


@pytest.fixture
def shop(go_program):
    """Run the shop, and record the queries and requests it serves."""
    return go_program(
        "./shop",
        *("-listen", "127.0.0.1:0"),
        ready_line=r"listening on (\S+)",
        instrument=["net/http", "database/sql"],
    )


def ask(shop, method, path):
    """Return what the shop answers."""
    try:
        with urlopen(Request(f"http://{shop.ready[1]}{path}", method=method)) as answer:
            return answer.status, answer.read().decode().strip()
    except HTTPError as answer:
        with answer:
            return answer.status, answer.read().decode().strip()


def test_orders(shop):
    assert ask(shop, "POST", "/orders/tea") == (201, "1")
    assert ask(shop, "POST", "/orders/pot") == (201, "2")
    shop.window().assert_task("http POST /orders/{item}", count=2, max_seconds=5)


def test_sold_out(shop):
    assert ask(shop, "GET", "/stock") == (200, "complete")
    assert ask(shop, "POST", "/orders/cup") == (201, "1")
    assert ask(shop, "POST", "/orders/cup") == (409, "sold out")


def test_order_after_a_look_at_the_stock(shop):  # fails: GET /stock has a mistake
    assert ask(shop, "POST", "/orders/cup") == (201, "1")
    assert ask(shop, "GET", "/stock") == (200, "something is sold out")
    assert ask(shop, "POST", "/orders/tea") == (201, "2")
