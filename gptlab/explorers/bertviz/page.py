"""From what bertviz returns to a page that fetches nothing and runs only the scripts it names."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

from gptlab.show.frame import View, beside

_SCRIPT = '<script type="text/javascript">'


def make_view(
    kind: str,
    size: str,
    strongest: str,
    hint: str,
    drawn: str,
    height: int,
    changes: Mapping[str, Any],
) -> View:
    """Put what bertviz returned into a page of its own.

    Args:
        kind: "head", "model" or "neuron".
        size: how many layers, heads and tokens, in words.
        strongest: the strongest link, in words.
        hint: how to read the picture and what to click.
        drawn: bertviz's HTML.
        height: of the frame in pixels, until the page has measured itself.
        changes: to the data that bertviz's script reads.
    """
    name = f"{kind.capitalize()} view"
    sentence = f"{name}: {size}; strongest link: {strongest}."
    body, script, params = _taken_apart(drawn)
    glue = beside(__file__, "page.js")
    packed = base64.b64encode(zlib.compress(_d3(), 9)).decode()
    # Only these scripts run, whatever text a token brings; nothing may be fetched at all.
    scripts = [glue.encode(), script.encode(), _d3()]
    digests = [base64.b64encode(hashlib.sha256(one).digest()).decode() for one in scripts]
    page = Template(beside(__file__, "page.html")).substitute(
        title=html.escape(f"{name}: {size}"),
        script_hashes=" ".join(f"'sha256-{digest}'" for digest in digests),
        view=kind,
        hint=html.escape(hint),
        body=body,
        sentence=html.escape(sentence),
        params=_json({**params, **changes}),
        d3=packed,
        glue=glue,
        script=script,
    )
    return View(f"bertviz: {name.lower()}, {size}", sentence, page, height)


def _taken_apart(drawn: str) -> tuple[str, str, dict[str, Any]]:
    """Split bertviz's page into its elements, its script without the data, and the data.

    The script holds the data twice, the second time in a comment, unescaped, and a random id.
    """
    body, found, script = drawn.partition(_SCRIPT)
    data = re.search(r"(const params|window\.bertviz_params) = (?={)", script)
    if not (found and data):
        raise RuntimeError("bertviz returned a page of unknown form; install bertviz 1.4.1.")
    params, end = json.JSONDecoder().raw_decode(script, data.end())
    if data[1] == "const params":
        # The line of the data goes: page.js has read it into a constant of the same name.
        code = script[: data.start()] + script[end:].partition("\n")[2]
    else:  # the neuron view has the data in a script of its own
        code = script[end:].partition(_SCRIPT)[2]
        code = code.replace("const params = window.bertviz_params\n", "")
    code = re.sub(r"require\.config\(.*?\}\);\n", "", code, count=1, flags=re.DOTALL)
    body = re.sub(r"<script.*?</script>", "", body).replace(params["root_div_id"], "bertviz")
    params["root_div_id"] = "bertviz"
    return body.strip(), code.rpartition("</script>")[0], params


def _json(params: Mapping[str, Any]) -> str:
    """Write JSON that cannot end the script element it stands in."""
    text = json.dumps(params, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@cache
def _d3() -> bytes:
    """Read the d3 5.7.0 that mpld3 ships, without importing mpld3 and so matplotlib."""
    spec = find_spec("mpld3")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the views draw with the d3 in mpld3: pip install mpld3==0.5.12.")
    d3 = (Path(spec.origin).parent / "js" / "d3.v5.min.js").read_bytes().replace(b"\r\n", b"\n")
    if b"v5.7.0" not in d3[:100]:
        raise RuntimeError(
            "bertviz needs d3 5.7.0, and the installed mpld3 has another: "
            "pip install mpld3==0.5.12."
        )
    return d3
