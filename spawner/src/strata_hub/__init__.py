"""Lab images to choose from at login, for JupyterHub on Kubernetes."""

__version__ = "0.1.0"
