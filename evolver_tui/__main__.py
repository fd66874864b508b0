"""`python -m evolver_tui` is `evolver-tui`."""

import sys

from evolver_tui.cli import main

sys.exit(main())
