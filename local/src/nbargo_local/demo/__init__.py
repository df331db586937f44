"""The demo: local Argo, watcher and JupyterLab in one terminal, and example jobs that go through them."""
