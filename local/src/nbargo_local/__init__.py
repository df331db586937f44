"""Argo on one machine: a truthful list and watch API, and a controller that runs templates as processes."""
