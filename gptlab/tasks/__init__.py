"""The applications, a module each: examples in three parts, a metric, baselines without a network.

`tuned` fine-tunes a model for any of them, `files` reads a user's own examples, `downloads` fetches
well-known ones. Text generation has no right answers: `writing` measures what was written.
"""

from __future__ import annotations

from gptlab.tasks import extraction, writing
from gptlab.tasks.application import Application, Parts
from gptlab.tasks.downloads import download
from gptlab.tasks.files import from_files
from gptlab.tasks.question_answering import QUESTION_ANSWERING
from gptlab.tasks.sentiment import SENTIMENT
from gptlab.tasks.summarization import SUMMARIZATION
from gptlab.tasks.translation import TRANSLATION
from gptlab.tasks.tuned import Tuned, fine_tune, load, prepare

__all__ = ["APPLICATIONS", "Application", "Parts", "Tuned", "fine_tune", "from_files", "load"]
__all__ += ["download", "extraction", "prepare", "writing"]

#: By the name that the command line has for them.
APPLICATIONS: dict[str, Application] = {
    one.name: one for one in (SENTIMENT, QUESTION_ANSWERING, SUMMARIZATION, TRANSLATION)
}
