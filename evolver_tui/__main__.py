"""`python -m evolver_tui` is `evolver-tui`."""

import sys

from evolver_tui.cli.main import main

sys.exit(main())
