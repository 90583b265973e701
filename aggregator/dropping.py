"""Dropping raw readings that count as gone, beside the cycles: one process does it for all."""

import asyncio

import structlog

from cityvitals.errors import CityVitalsError
from cityvitals.settings import RetentionSettings
from cityvitals.store.pool import Pool
from cityvitals.store.raw_drop import drop_raw


async def keep_dropping(pool: Pool, settings: RetentionSettings, over: asyncio.Event) -> None:
    """Drop what may go, now and then, until `over`; with no days set all is kept.

    Whatever goes wrong is told and tried again: nothing depends on it but space.
    """
    log = structlog.get_logger()
    while settings.days is not None and not over.is_set():
        try:
            async with asyncio.timeout(settings.check_seconds):
                await over.wait()
        except TimeoutError:
            pass
        else:
            return
        try:
            await drop_raw(pool)
        except CityVitalsError as error:
            log.info("readings_not_dropped", reason=str(error)[:200])
