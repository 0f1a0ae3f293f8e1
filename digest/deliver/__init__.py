"""delivery -> outcome: the room that hands composed mails to the relay and writes down what came of each.

`sender` claims deliveries and works the connections, `attempt` makes one try, `outcome` and `retry` decide (pure),
`journal` stores in groups, `settle` sweeps up what nobody holds any more. How a relay is spoken to is a `transport`.
"""
