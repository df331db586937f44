"""`python -m nbargo_local`: the local Argo as a program."""

import sys

from nbargo_local.argo import main

sys.exit(main())
