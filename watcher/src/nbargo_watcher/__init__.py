"""Follows Argo workflows and keeps jupyter-scheduler's database true."""
