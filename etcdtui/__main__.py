"""``python -m etcdtui`` is the command ``etcdtui``."""

import sys

from etcdtui.cli import main

sys.exit(main())
