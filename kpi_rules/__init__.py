"""What is computed: KPI definitions as data, their schema, parser and plain interpreter."""
