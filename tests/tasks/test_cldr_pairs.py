"""Dates and names: written as Babel writes them, and nothing of a test group was told before."""

import re
from datetime import date

import pytest
import torch
from babel import Locale
from babel.dates import format_date, format_skeleton, parse_pattern

from gptlab.answering import Answers
from gptlab.config import preset
from gptlab.model import GPT
from gptlab.tasks import alignment, cldr_pairs
from gptlab.tokenizer import BPETokenizer, CharTokenizer

MONTHS = list(Locale("en").months["format"]["wide"].values())


@pytest.mark.parametrize("patterns", (*cldr_pairs._LEARNED, *cldr_pairs._NO_YEAR))
def test_dates_are_written_as_babel_does(patterns: tuple[str, str]) -> None:
    for day in (date(1999, 12, 31), date(2024, 2, 29), date(2021, 5, 3)):
        dated = cldr_pairs._dated(day, patterns)
        assert dated.english == parse_pattern(patterns[0]).apply(day, "en")
        assert dated.chinese == parse_pattern(patterns[1]).apply(day, "zh")


def test_the_formats_are_those_of_the_cldr() -> None:
    day = date(2021, 5, 3)
    chinese = {cldr_pairs._dated(day, both).chinese for both in cldr_pairs._LEARNED}
    told = {format_date(day, length, "zh") for length in ("full", "long")}
    told |= {format_skeleton(one, day, locale="zh") for one in ("yMMMEd", "yMMM")}
    assert chinese == told
    english = {cldr_pairs._dated(day, both).english for both in cldr_pairs._WITH_DAY}
    assert {format_date(day, "full", one) for one in ("en", "en_GB")} <= english


def test_fields_stand_where_they_are_said_to_stand() -> None:
    for dated in cldr_pairs.dates(100):
        at = {name: (dated.english[slice(*e)], dated.chinese[slice(*c)])
              for name, (e, c) in dated.fields.items()}  # fmt: skip
        assert at["year"][0] == at["year"][1] and at["day"][0] == at["day"][1]
        month = int(at["month"][1])
        assert MONTHS[month - 1].startswith(at["month"][0])
        if "weekday" in at:
            day = date(int(at["year"][0]), month, int(at["day"][0]))
            assert f"{day:%A}".startswith(at["weekday"][0])
            assert at["weekday"][1] == "一二三四五六日"[day.weekday()]


def test_nothing_of_a_group_was_told() -> None:
    parts, groups = cldr_pairs.parts(), cldr_pairs.groups()
    assert parts.test == tuple(pair for group in groups.values() for pair in group)
    assert all(len(group) == 200 for group in groups.values())
    told = {chinese for _, chinese in parts.train}
    for name, group in groups.items():
        # The Chinese is what counts: a day that was told in another English is known too.
        assert not [chinese for _, chinese in group if chinese in told], name
    years = {year for english, _ in parts.train for year in re.findall(r"\b\d{4}\b", english)}
    of_group = {name: {y for english, _ in group for y in re.findall(r"\b\d{4}\b", english)}
                for name, group in groups.items()}  # fmt: skip
    assert len(of_group["new dates"] - years) < 5  # known years that happen not to be drawn
    assert of_group["new years"] and not of_group["new years"] & years
    assert not of_group["no year"]


def test_names_of_the_groups_are_known_or_new() -> None:
    known, new = cldr_pairs._names()
    parts, groups = cldr_pairs.parts(2000), cldr_pairs.groups()
    told = "\n".join(english for english, _ in parts.train)
    for kind_known, kind_new in zip(known, new, strict=True):
        assert (len(kind_known), len(kind_new)) == (48, 12) and not set(kind_known) & set(kind_new)
        assert all(re.search(rf"(^|\d |\(){re.escape(name)}($| \(|\))", told, re.M)
                   for name, _ in kind_known)  # fmt: skip
    for english, chinese in groups["new combinations"]:
        if "(" in english:
            language, place = english[:-1].split(" (")
            pairs = dict(known.languages)[language], dict(known.places)[place]
            assert chinese == f"{pairs[0]}（{pairs[1]}）"
        else:
            number, _, money = english.partition(" ")
            assert chinese == number + dict(known.currencies)[money]
    languages, money = dict(new.languages), dict(new.currencies)
    for english, _ in groups["new names"]:
        assert english.split(" (")[0] in languages or english.partition(" ")[2] in money


def test_parts_are_the_same_each_time_and_baselines_lose() -> None:
    application = cldr_pairs.DATES_AND_NAMES
    parts = application.parts()
    assert parts == application.parts()
    for name, answer in application.baselines.items():
        assert application.measure(answer(parts), parts.test) < 0.6, name
    with pytest.raises(ValueError, match="count is 9; it must be a whole number of at least 10"):
        cldr_pairs.parts(9)


def test_more_than_there_are_is_refused() -> None:
    """Or drawing different ones would never end."""
    assert {len(group) for group in cldr_pairs.groups(2000).values()} == {2000}
    for draw in (cldr_pairs.groups, cldr_pairs.dates):
        with pytest.raises(ValueError, match="count is 2001; it must be at most 2000"):
            draw(2001)


def tiny() -> tuple[GPT, Answers]:
    texts = "".join(dated.english + dated.chinese for dated in cldr_pairs.dates(50))
    tokenizer = CharTokenizer.from_text("\n=" + texts)
    shape = {"n_ctx": 64, "n_layer": 2, "n_head": 2, "n_embd": 16}
    torch.manual_seed(1)
    model = GPT(preset("gpt2-tiny", vocab_size=tokenizer.vocab_size, **shape))
    return model, Answers(tokenizer, cldr_pairs.DATES_AND_NAMES.layout, 64)


def test_a_row_says_where_each_character_is_decided() -> None:
    _, how = tiny()
    dated = cldr_pairs.dates(1)[0]
    ids, source, deciding = alignment.row(how, dated.english, dated.chinese)
    assert how.tokenizer.decode(ids[source].tolist()) == dated.english
    after = ids[deciding.start + 1 : deciding.stop + 1]
    assert how.tokenizer.decode(after.tolist()) == dated.chinese
    assert how.tokenizer.decode([int(ids[deciding.start])]) == "="
    with pytest.raises(ValueError, match="use a model whose tokens are single characters"):
        alignment.row(Answers(BPETokenizer([]), how.layout), dated.english, dated.chinese)


def test_links_are_a_part_of_the_map() -> None:
    model, how = tiny()
    dated = cldr_pairs.dates(1)[0]
    ids, source, deciding = alignment.row(how, dated.english, dated.chinese)
    found = alignment.links(model, how, dated.english, dated.chinese)
    whole = model.trace(ids).attention
    assert found.shape == (2, 2, len(dated.chinese), len(dated.english))
    assert torch.equal(found, whole[:, :, deciding, source])


def test_alignment_by_hand() -> None:
    """One date at a time, by loops and the map itself."""
    model, how = tiny()
    dates = cldr_pairs.dates(5)
    right, drawn, counted = torch.zeros(2, 2), 0.0, 0
    for dated in dates:
        ids = [how.tokenizer.start_id, *how.tokenizer.encode(f"{dated.english}={dated.chinese}")]
        attention = model.trace(torch.tensor(ids)).attention
        for (first, end), (begin, stop) in dated.fields.values():
            for place in range(begin, stop):
                query = 1 + len(dated.english) + place
                at = attention[:, :, query, 1 : 1 + len(dated.english)].argmax(-1)
                right += ((first <= at) & (at < end)).float()
                drawn += (end - first) / len(dated.english)
                counted += 1
    found = alignment.alignment(model, how, dates)
    assert set(found) == {"year", "month", "day", "weekday", "all"}
    shares, chance = found["all"]
    assert torch.allclose(shares, right / counted)
    assert chance == pytest.approx(drawn / counted)
