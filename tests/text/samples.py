"""Texts on which tokenizers go wrong."""

from __future__ import annotations

import random

ENGLISH = "low lower lowest new newer newest, it's we'll  he\n\tran 2024 times!\n" * 3
CHINESE = "预训练语言模型学习预测下一个词。语言模型,语言。\n你好,世界!" * 4
EMOJI = "👩‍👩‍👧‍👦 family 🙂🙂🙂 e\u0301e\u0301 na\u00efve 🇨🇳🇨🇳 \x00\x1b[0m\r\n" * 3
REPEATED = "aaaaaaaaa aaaa aaaaaaa ababababab bababa =======\n-----\n        x\n" * 2
#: Random letters of DNA without a space: one word to byte-level BPE.
DNA = "".join(random.Random(0).choices("ACGT", k=20_000))
TEXTS = {"English": ENGLISH, "Chinese": CHINESE, "emoji": EMOJI, "repeated": REPEATED}
EVERYTHING = "".join(TEXTS.values())
