"""What needs a server that nobody gave is left out: where no test may be skipped, none is."""

import os

collect_ignore = [] if os.environ.get("CITYVITALS_TEST_DSN") else ["test_timescale_restore.py"]
