"""The bertviz views, drawn by a browser in JupyterLab: they live, obey, and harm nobody."""

from __future__ import annotations
