"""How much may still register itself: counted in the database, so that nobody starts from nothing.

Restarts and other workers change no count, since the rows themselves are counted by their age. What
a registry file states is let in uncounted, but counts for whoever comes after.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from cityvitals.store.failures import translated
from cityvitals.store.pool import Connection
from cityvitals.store.sql import queries

Gateway = tuple[str, str]
"""City and name."""


class Quotas(NamedTuple):
    """How many newcomers an hour.

    Attributes:
        series: and sensors, of a gateway.
        gateways: of a city.
        cities: of all.
        declarations: and placements, of a gateway's devices; a batch may overshoot it.
    """

    series: int
    gateways: int
    cities: int
    declarations: int = 30_000


@dataclass(slots=True)
class Room:
    """What is left of the quotas; pure.

    Attributes:
        quotas: the most in an hour.
        cities: cities that are new already.
        gateways: by city, gateways that are.
        series: by gateway, sensors and series that are.
        known_cities: cities that need no more room.
        known_gateways: gateways that need none.
    """

    quotas: Quotas
    cities: int = 0
    gateways: dict[str, int] = field(default_factory=dict)
    series: dict[Gateway, int] = field(default_factory=dict)
    known_cities: set[str] = field(default_factory=set)
    known_gateways: set[Gateway] = field(default_factory=set)

    def take(self, gateway: Gateway, things: int) -> str:
        """Take room for a gateway with so many new sensors and series of it, if it is not known.

        Returns:
            "" where all of it was taken; else nothing was, and which limit stands against it.
        """
        city, name = gateway
        new_city, new_gateway = city not in self.known_cities, gateway not in self.known_gateways
        if new_city and self.cities >= self.quotas.cities:
            return self._over("all cities", "cities", self.quotas.cities, gateway)
        if name and new_gateway and self.gateways.get(city, 0) >= self.quotas.gateways:
            return self._over(f"city {city}", "gateways", self.quotas.gateways, gateway)
        if self.series.get(gateway, 0) + things > self.quotas.series:
            return self._over(f"gateway {name}", "series", self.quotas.series, gateway)
        self.cities += new_city
        self.known_cities.add(city)
        if name:
            self.gateways[city] = self.gateways.get(city, 0) + new_gateway
            self.known_gateways.add(gateway)
        self.series[gateway] = self.series.get(gateway, 0) + things
        return ""

    def _over(self, whose: str, what: str, most: int, gateway: Gateway) -> str:
        things = "sensors and series" if what == "series" else what
        of = f"gateway {gateway[1]} of city {gateway[0]}" if gateway[1] else f"city {gateway[0]}"
        return (
            f"{of} cannot register: {whose} may have {most} new {things} within an hour: "
            f"ingest.new_{what}_per_hour"
        )


async def find_room(connection: Connection, gateways: Iterable[Gateway], quotas: Quotas) -> Room:
    """What may still be registered for some gateways ("" where a city speaks for itself).

    Holds a lock until the transaction ends, and other workers wait for it: ask only where there
    is something to register.

    Raises:
        StoreUnavailable: the server is away.
    """
    wanted = sorted(set(gateways))
    sql = queries("newcomers")
    with translated(f"counting what {len(wanted)} gateways registered"):
        await connection.execute(sql["lock"])
        room = Room(quotas, cities=await connection.fetchval(sql["cities"]))
        rows = await connection.fetch(sql["gateways"], sorted({city for city, _ in wanted}))
        for row in rows:
            room.gateways[row["city"]] = row["fresh"]
            if row["known"]:
                room.known_cities.add(row["city"])
        rows = await connection.fetch(
            sql["series"], [city for city, _ in wanted], [name for _, name in wanted]
        )
        for row in rows:
            gateway = row["city"], row["name"]
            room.series[gateway] = row["fresh"]
            if row["known"]:
                room.known_gateways.add(gateway)
    return room


async def find_restless(
    connection: Connection, gateways: Iterable[Gateway], most: int
) -> dict[Gateway, str]:
    """Those of some gateways whose devices declared too much within an hour, and why that is so.

    Raises:
        StoreUnavailable: the server is away.
    """
    wanted = sorted(set(gateways))
    with translated(f"counting what {len(wanted)} gateways declared"):
        rows = await connection.fetch(
            queries("newcomers")["restless"],
            [city for city, _ in wanted],
            [name for _, name in wanted],
            most,
        )
    return {
        (row["city"], row["name"]): (
            f"devices of gateway {row['name']} of city {row['city']} may declare {most} things "
            "within an hour: ingest.new_declarations_per_hour"
        )
        for row in rows
    }
