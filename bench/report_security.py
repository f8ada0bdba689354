"""What the page of figures says of security: its own speed, and what it takes from the record's."""

from __future__ import annotations

from bench import tables
from bench.tables import Json, number


def targets(found: dict[str, Json]) -> list[tuple[str, str, bool | None]]:
    return _lowered(found) + _in_turns(found) + _own(found)


def _in_turns(found: dict[str, Json]) -> list[tuple[str, str, bool | None]]:
    """Side by side in one process, where the machine's weather is the same for all."""
    lowered, noted = "{}, in turns: with security on at most 15 % lower", "the trail at most 10 % of a read"
    if "beside" not in found:
        return [(lowered.format("reads and writes"), "not measured", None), (noted, "not measured", None)]
    rows: list[tuple[str, str, bool | None]] = []
    figures = found["beside"]["figures"]
    for kind, text in (("read", "reads"), ("write", "create, read, update, delete")):
        shares = [one["shares_percent"] for one in figures[kind].values()]
        fewer = max(one["fewer_requests_per_second"]["median"] for one in shares)
        more = max(one["more_processor_time"]["median"] for one in shares)
        said = f"{number(fewer)} % fewer requests/s, {number(more)} % more processor time"
        rows.append((lowered.format(text), said, fewer <= 15))
    trail = max(one["shares_percent"]["trail_of_processor_time"]["median"] for one in figures["read"].values())
    rows.append((noted, f"{number(trail)} % of its processor time, all that comes later included", trail <= 10))
    return rows


def turns(found: dict[str, Json]) -> str:
    if "beside" not in found:
        return ""
    rows = [
        (
            f"{kind}, {clients} clients",
            *(
                f"{number(one[way]['process_us']['median'])} + {number(one[way]['database_us']['median'])}"
                for way in ("off", "without_trail", "on")
            ),
            *(
                f"{number(share['median'])} % ({number(share['min'])}–{number(share['max'])})"
                for share in one["shares_percent"].values()
            ),
        )
        for kind, figures in found["beside"]["figures"].items()
        for clients, one in figures.items()
    ]
    head = ("", "off, µs process + database", "on, without trail", "on", "fewer requests/s", "more processor time")
    return tables.table((*head, "the trail's part"), rows)


def _own(found: dict[str, Json]) -> list[tuple[str, str, bool | None]]:
    """Of security by itself."""
    rows: list[tuple[str, str, bool | None]] = []
    for name, text, said in (
        ("sign_in", "sign-in ≥ 20/s per core at the chosen argon2 cost", _sign_in_said),
        ("audit", "audit ≥ 5,000 events/s", _audit_said),
        ("policy", "token check and policy decision < 150 µs", _policy_said),
    ):
        if name not in found:
            rows.append((text, "not measured", None))
            continue
        measured, met = said(found[name]["figures"])
        rows.append((text, measured, met))
    return rows


def _sign_in_said(figures: Json) -> tuple[str, bool]:
    slowest = min(one["per_core"] for one in figures["right"].values())
    return f"{number(slowest)} per core-second ({figures['argon2']})", slowest >= 20


def _audit_said(figures: Json) -> tuple[str, bool]:
    rate = figures["noted_and_chained_per_second"]["median"]
    return (
        f"{number(rate)}/s noted, stored and chained; {number(figures['kept_32_writers']['per_second']['median'])}/s kept",
        rate >= 5000,
    )


def _policy_said(figures: Json) -> tuple[str, bool]:
    first = figures["first_microseconds"]["median"] + figures["decision_microseconds"]["median"]
    again = figures["again_microseconds"]["median"]
    return (
        f"{number(first)} µs for a token never seen of a caller never seen, {number(again)} µs afterwards",
        first < 150,
    )


def table(found: dict[str, Json]) -> str:
    rows = []
    for name, what, text in _COMPARED:
        for clients, (off, on) in _shares(found, name, what).items():
            cpu = [
                found[each]["figures"]["connections"][clients]["processor_us_per_request"]
                for each in (name, f"{name}_secured")
            ]
            spent = [" + ".join(number(one[who]["median"]) for who in ("app", "database")) for one in cpu]
            rows.append((text, clients, number(off), number(on), f"{100 * on / off:.0f} %", *spent))
    if not rows:
        return ""
    return tables.table(("", "clients", "off /s", "on /s", "on of off", "off, µs application + database", "on"), rows)


def _lowered(found: dict[str, Json]) -> list[tuple[str, str, bool | None]]:
    """Each benchmark at the number of clients where it is fastest without security."""
    rows: list[tuple[str, str, bool | None]] = []
    for name, what, text in _COMPARED:
        shares = _shares(found, name, what)
        target = f"{text}: with security on at most 15 % lower"
        if not shares:
            rows.append((target, "not measured", None))
            continue
        off, on = max(shares.values())
        rows.append((target, f"{100 * (1 - on / off):.0f} % lower ({number(off)} → {number(on)}/s)", on >= 0.85 * off))
    return rows


_COMPARED = (
    ("crud", "requests_per_second", "CRUD mix"),
    ("read", "requests_per_second", "reads"),
    ("bundle", "resources_per_second", "transaction bundles"),
)


def _shares(found: dict[str, Json], name: str, what: str) -> dict[str, tuple[float, float]]:
    """Clients -> (without, with security)."""
    if name not in found or f"{name}_secured" not in found:
        return {}
    off, on = (found[each]["figures"]["connections"] for each in (name, f"{name}_secured"))
    return {key: (off[key][what]["median"], on[key][what]["median"]) for key in off if key in on}
