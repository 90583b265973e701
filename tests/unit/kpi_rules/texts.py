"""Rules made up for tests."""

INDEX = """
[[table]]
name = "steps"
unit = "ug/m3"
rows = [[0, 10, 0, 50], [10.1, 20, 51, 100]]
above = "extend"

[[rule]]
id = "test.index"
revision = 1
title = "The higher of two"
domain = "air"
unit = "1"
digits = 0
window = { length = "hour", clock = "local", fold = "buckets" }
space = { zone = "mean", city = "mean", min_coverage = 0.5 }
part = [
  { name = "fine", expression = "lookup(steps, pm2_5)" },
  { name = "coarse", expression = "lookup(steps, pm10 / 2)" },
]
expression = "highest(fine, coarse)"
rounding = { mode = "half_up", digits = 0 }
source = "made up"
verified = "own"

[[rule.input]]
name = "pm2_5"
quantity = "pm2_5"
statistic = "mean"
min_coverage = 0.75
floor = 0
rounding = { mode = "truncate", digits = 1 }

[[rule.input]]
name = "pm10"
quantity = "pm10"
statistic = "mean"
min_coverage = 0.75
optional = true
"""
