"""The JupyterLab side: submits notebook jobs to Argo Workflows."""
