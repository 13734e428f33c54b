"""One thread a test process: small tensors gain nothing from more, and barriers cost a lot."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
