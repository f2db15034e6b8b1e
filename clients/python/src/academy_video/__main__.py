"""`python -m academy_video`"""

from .cli import main

raise SystemExit(main())
