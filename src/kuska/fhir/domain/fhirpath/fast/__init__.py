"""The usual shapes of rules as closures over plain JSON, a few tenths of a microsecond each.

No nodes, no scopes: names are turned into JSON properties when the rule is compiled, from the types the definitions
give. What has no fast form raises `NotCovered` - when compiled, or only when that part of the rule is reached - and
the engine answers instead.

Words: a *judgement* is a truth and a falsity, two closures (a rule may be neither true nor false); a *source* is
where values come from, with their types. Closures take the JSON of the focus and the `Around`.
"""
