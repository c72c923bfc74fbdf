"""The bertviz views, drawn by a browser in JupyterLab: they live, obey, and harm nobody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import nbformat
import pytest

from gptlab.bertviz_offline import head_view
from tests.browser.conftest import Guard, Lab, Notebook
