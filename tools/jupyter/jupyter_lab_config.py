"""JupyterLab as `make lab` starts it: for this machine alone, and asking nothing of the network.

The token is Jupyter's own, new at every start.
"""

import os
from pathlib import Path

import zmq

# Notebooks inherit this. torch's threads wait for each other in a loop; with two notebooks at work
# on two cores, each loop kept the other's threads from running, and both stood nearly still. Cut
# short, each gets half the machine. Alone, training loses nothing by it, generating a quarter.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.ServerApp.ip = "127.0.0.1"
c.ServerApp.root_dir = str(Path(__file__).resolve().parents[2])
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"

# Kernels talk over 127.0.0.1, which everyone on this machine could listen to. Unlike sockets that
# are files, this works on every system and in a folder with a long name.
c.KernelManager.transport_encryption = "auto" if zmq.has("curve") else "disabled"
