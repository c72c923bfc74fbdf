"""JupyterLab as `make lab` starts it: for this machine alone, and asking nothing of the network.

The token is Jupyter's own, new at every start.
"""

from pathlib import Path

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.ServerApp.ip = "127.0.0.1"
c.ServerApp.root_dir = str(Path(__file__).resolve().parents[2])
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
