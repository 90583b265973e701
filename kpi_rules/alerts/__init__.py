"""Alert rules as data: which values of an indicator an operator must hear of, and when no more."""
