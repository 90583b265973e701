"""Numbers of the machine's instructions; what each means is said by the plain interpreter.

Blocks of numbers, because the machine tells by them how an instruction takes its operands.
"""

# Push a value: operand 1 is where it stands. Those up to SERIES are what the machine is given.
CONSTANT, SCALAR, SERIES, LOCAL = 0, 1, 2, 3
# Take the top away: into a local, into an output.
STORE, OUTPUT = 4, 5
# condition, then, other -> one; operand 1 of the table -> one.
CHOOSE, LOOKUP = 6, 7

# One operand, place by place.
NEGATE, NOT, ABS, FLOOR, CEIL, EXP, LN, LOG10, SQRT, POWER_OF, LEVEL_OF, KNOWN = range(10, 22)
# One operand; operand 1 is the digits, 2 the constant of their power of ten.
TRUNCATE, ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_UP, ROUND_DOWN = range(30, 35)
# Two operands, place by place.
ADD, SUBTRACT, MULTIPLY, DIVIDE, POWER = range(40, 45)
LESS, AT_MOST, MORE, AT_LEAST, EQUAL, UNEQUAL, AND, OR = range(45, 53)
# Several operands, place by place; operand 1 is how many.
MIN, MAX, LOWEST, HIGHEST, WHICH_HIGHEST, FIRST_KNOWN, HOW_MANY = range(60, 67)
# A series to a number; operand 1 is the constant of a percentage.
SUM, MEAN, SMALLEST, LARGEST, MEDIAN, COUNT, FIRST, LAST = range(70, 78)
PERCENTILE, PERCENTILE_HAZEN, PERCENTILE_WEIBULL = range(78, 81)
DEVIATION, DEVIATION_ALL, LONGEST_RUN, PLACES = range(81, 85)
# A series to a series; operand 1 is the number of places.
AGE, NEWEST, RUNNING_MEAN = range(90, 93)

# Where a number lies in a table: which row holds it, and what lies beyond.
EDGE_FROM, EDGE_TO = 0, 1
BEYOND_EXTEND, BEYOND_HOLD, BEYOND_MISSING = 0, 1, 2
