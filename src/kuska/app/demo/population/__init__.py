"""A synthetic population of Peru and Chile: any size, the same for the same seed, nobody real.

For the demo, the tests and the benchmarks. Words used here: *person* (who somebody is), *story* (what happened to
them, as resources), *life* (the finished story), *visit* (one encounter and what was done in it).

Invariants:
* person n is the same whatever the size of the population: each has a random stream of their own;
* everything is dated relative to one reference date, which is an argument, not the clock;
* every resource is valid R4; parts that never change are shared between resources, so nodes are read-only;
* lung-cancer journeys are drawn more often than in life, because showing them is what the demo is for.

Use `people.people()` for lives, `facilities.facilities()` for what they share, `python -m kuska.app.demo.population`
for files.
"""
