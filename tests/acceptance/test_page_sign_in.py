"""The dashboard of an API that nobody reads without a token."""

from datetime import UTC, datetime

import pytest

from cityvitals.settings import DatabaseSettings
from cityvitals.store.pool import Pool
from cityvitals.store.tokens import create_token, revoke_token
from tests.api_city import CITY, latest_rows, make_city, write
from tests.api_server import running_api, with_pool
from tests.browser import browser

pytestmark = pytest.mark.browser

FIELD = ".sign-in input[name=token]"
ENTER = "\ue007"


def test_a_token_opens_a_closed_dashboard_and_a_revoked_one_closes_it(
    database: DatabaseSettings,
) -> None:
    async def fill(pool: Pool) -> str:
        async with pool.acquire() as connection:
            await make_city(connection)
            await write(connection, latest_rows(datetime.now(UTC)))
        return await create_token(pool, "wall", ["read"], None, None)

    secret = with_pool(database, fill)
    with running_api(database, access="closed") as base, browser() as page:
        page.open(f"{base}/?city={CITY}")
        page.wait_for_text(".sign-in", "read with a token")
        page.assert_axe_is_content()
        page.driver.find_element("css selector", FIELD).send_keys("cv_wrong", ENTER)
        page.wait_for_text(".sign-in [role=alert]", "not known")
        page.driver.find_element("css selector", FIELD).clear()
        page.driver.find_element("css selector", FIELD).send_keys(secret, ENTER)
        page.wait_for_connection("live")
        assert page.find_text(".sign-in") is None
        assert page.run("return document.querySelectorAll('main .card').length") > 0
        page.open(f"{base}/?city={CITY}#/sensors")
        page.wait_for_connection("live")

        async def revoke(pool: Pool) -> None:
            await revoke_token(pool, secret.split("_")[1])

        with_pool(database, revoke)
        page.open(f"{base}/?city={CITY}#/data")
        page.wait_for_text(".sign-in [role=alert]", "revoked")
