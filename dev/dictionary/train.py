"""Train the zstd dictionary that stored bodies are compressed with: src/kuska/fhir/store/body.dict.

    python dev/dictionary/train.py [--extra more.ndjson ...] [--out FILE] [--kib 96]

The sample is our own synthetic population, many small ones with seeds of their own, so that no facility, person or
random id gets into the dictionary; more NDJSON can be added so that it knows other people's FHIR too. The ratio that
is printed is measured on a population that was not trained on, body by body, as the record packs them.

A record remembers nothing about its dictionary but a byte per body: a changed dictionary needs a new byte in
kuska.fhir.store.bodies and the old file kept beside it, or bodies written before cannot be read.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import zstandard

from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.links import Ids
from kuska.app.demo.population.people import people
from kuska.fhir.store.bodies import tail
from kuska.kit.json import Node, decode

_OUT = Path(__file__).parents[2] / "src/kuska/fhir/store/body.dict"
_LEVEL = 3
_SEEDS, _PEOPLE = 60, 40
_HELD_OUT_SEED = 77_001
# No type may fill the dictionary: at most this share of the sample.
_LARGEST_SHARE = 0.4
# Types rarer than this are repeated up to it, so that each has its place.
_SMALLEST = 400


def ours() -> Iterator[Node]:
    for seed in range(9001, 9001 + _SEEDS):
        mix = {"PE": 0.5, "CL": 0.5}
        if seed < 9007:
            for entry in facilities(seed, Ids.CLIENT)["entry"]:
                yield entry["resource"]
        for life in people(_PEOPLE, seed, mix, ids=Ids.CLIENT, start=seed * 40):
            yield from life.resources()


def extra(files: Iterable[Path]) -> Iterator[Node]:
    for file in files:
        with file.open("rb") as lines:
            for line in lines:
                yield decode(line)


def balanced(nodes: Iterable[Node]) -> list[bytes]:
    by_type: defaultdict[str, list[bytes]] = defaultdict(list)
    for node in nodes:
        by_type[node["resourceType"]].append(tail(node))
    rng = Random(1)
    limit = int(_LARGEST_SHARE * sum(map(len, by_type.values())))
    sample: list[bytes] = []
    for bodies in by_type.values():
        rng.shuffle(bodies)
        kept = bodies[:limit]
        sample += kept
        if len(kept) < _SMALLEST:
            sample += rng.choices(kept, k=_SMALLEST - len(kept))
    rng.shuffle(sample)
    return sample


def report(dictionary: zstandard.ZstdCompressionDict) -> str:
    packer = zstandard.ZstdCompressor(level=_LEVEL, dict_data=dictionary, write_dict_id=False, write_checksum=False)
    plain = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
    raw: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for life in people(400, _HELD_OUT_SEED, ids=Ids.CLIENT, start=5_000_000):
        for node in life.resources():
            body = tail(node)
            sizes = len(body), len(packer.compress(body)), len(plain.compress(body))
            for key in (node["resourceType"], "(all)"):
                row = raw[key]
                row[0] += 1
                for at, size in enumerate(sizes, 1):
                    row[at] += size
    lines = [f"{'type':22}{'bodies':>8}{'bytes':>8}{'packed':>8}{'ratio':>8}{'without':>9}"]
    for name, (count, size, packed, alone) in sorted(raw.items()):
        lines.append(
            f"{name:22}{count:8}{size / count:8.0f}{packed / count:8.0f}{size / packed:8.2f}{size / alone:9.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="NDJSON files with more resources")
    parser.add_argument("--out", type=Path, default=_OUT)
    parser.add_argument("--kib", type=int, default=96)
    options = parser.parse_args()
    sample = balanced([*ours(), *extra(options.extra)])
    dictionary = zstandard.train_dictionary(options.kib * 1024, sample, level=_LEVEL, threads=1)
    options.out.write_bytes(dictionary.as_bytes())
    print(f"{len(sample)} bodies -> {options.out.name}, {len(dictionary.as_bytes())} bytes")
    print(report(dictionary))


if __name__ == "__main__":
    main()
