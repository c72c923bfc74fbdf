"""The applications: examples that share nothing, metrics by hand, baselines that know nothing."""

import re
from collections import Counter

import pytest
from babel import Locale

from gptlab.answering import Answers
from gptlab.checkpoints import load_bundled
from gptlab.commands.finetune import TASKS
from gptlab.tasks import APPLICATIONS, Application, Parts, sentiment, summarization, translation
from gptlab.tasks import question_answering as qa
from gptlab.tasks.baselines import by_words
from gptlab.tasks.metrics import accuracy, chrf, exact_match, rouge_l, token_f1
from gptlab.text import documentation


def test_the_command_line_has_all_of_them() -> None:
    assert tuple(APPLICATIONS) == TASKS


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
def test_parts_are_the_same_each_time_and_answered_by_baselines(application: Application) -> None:
    parts = application.parts()
    assert parts == application.parts()
    right = [answer for _, answer in parts.test]
    assert application.measure(right, parts.test) == 1
    for name, answer in application.baselines.items():
        score = application.measure(answer(parts), parts.test)
        assert 0.1 < score < 0.7, f"{name} has {score}"
    with pytest.raises(ValueError, match=r"0 answers to \d+ questions"):
        application.measure([], parts.test)


@pytest.mark.parametrize("text", ["what is it?", "it rains.\nwhat does it do?", "a\n?"])
def test_the_baselines_answer_texts_without_a_name(text: str) -> None:
    parts = Parts((("a", "b"),), (("b", "b"),), ((text, "rains"),))
    for answer in qa.QUESTION_ANSWERING.baselines.values():
        assert len(answer(parts)) == 1


def test_a_leak_is_refused() -> None:
    one, two, three = ("a", "x"), ("b", "x"), ("c", "y")
    Parts((one,), (two,), (three,))
    with pytest.raises(ValueError, match="stand in train and in test, the first 'a'"):
        Parts((one, two), (three,), (one,))
    with pytest.raises(ValueError, match="in validation and in test"):
        Parts((one,), (two,), (two,))
    with pytest.raises(ValueError, match="no example in validation"):
        Parts((one,), (), (three,))


def test_no_word_of_praise_says_what_a_sentence_is() -> None:
    parts = sentiment.parts(8000)
    for praise, blame in sentiment._WORDS:
        for word in (praise, blame):
            having = [answer for text, answer in parts.train if re.search(rf"\b{word}\b", text)]
            share = Counter(having)["positive"] / len(having)
            assert 0.4 < share < 0.6, f"{word} stands in praise {share:.0%} of the time"
    labels = Counter(answer for _, answer in parts.train)
    assert labels["positive"] == labels["negative"]


def test_sentences_say_what_their_label_says() -> None:
    """Read by a table of its own, one row a way to say it."""
    read = {
        r"^the \w[\w ]* is (?:really |rather )?(good|bad)\.$": 1,
        r"^the \w[\w ]* is not (?:really |rather )?(good|bad)\.$": -1,
        r"^the \w[\w ]* is less (good|bad) than the old one\.$": -1,
        r"^the old \w[\w ]* was less (good|bad) than this one\.$": 1,
        r"^nobody would say that the \w[\w ]* is not (good|bad)\.$": 1,
        r"^no other \w[\w ]* is as (good|bad)\.$": 1,
    }
    made = dict(sentiment.parts(6000).train)
    for group in sentiment.groups(2000).values():
        made |= dict(group)
    found = Counter()
    for text, label in made.items():
        for way, turn in read.items():
            if match := re.match(way, text, re.IGNORECASE):
                is_praise = (match[1] == "good") == (turn == 1)
                assert label == ("positive" if is_praise else "negative"), text
                found[way] += 1
    assert set(found) == set(read)


def test_what_is_new_stands_in_the_test_alone() -> None:
    seen = " ".join(text for text, _ in sentiment.parts().train)
    groups = sentiment.groups()
    new = {word for pair in sentiment._NEW_WORDS for word in pair}
    assert not new & set(re.findall(r"\w+", seen))
    assert all(new & set(re.findall(r"\w+", text)) for text, _ in groups["new words"])
    assert "was less" not in seen
    assert any("was less" in text for text, _ in groups["new ways to say it"])


def test_answers_stand_in_their_passage_beside_what_was_asked() -> None:
    parts = qa.parts(400)
    for text, answer in (*parts.train, *parts.test):
        passage, _, question = text.rpartition("\n")
        sentences = re.split(r"(?<=[.]) (?=[A-Z])", passage)
        place = next(p.name for p in qa._places() if f" {p.name}" in f" {question}")
        telling = [one for one in sentences if answer in one and place in one]
        assert telling, (text, answer)


def test_facts_are_those_of_the_cldr_where_they_are_not_swapped() -> None:
    facts = {place.name: place.facts for place in qa._places()}
    assert facts["Japan"] == {"currency": "Japanese Yen", "language": "Japanese", "code": "JP"}
    assert facts["Brazil"]["language"] == "Portuguese"
    assert set(facts) <= set(Locale("en").territories.values())
    assert len(facts) > 200


def test_places_to_test_on_are_in_no_passage_to_learn_from() -> None:
    parts = qa.parts(500)
    told = {text for text, _ in (*parts.train, *parts.validation)}
    tested = [place.name for place in qa._places()[1 :: qa._EVERY]]
    asked = {name for name in tested if any(f" {name}?" in text for text, _ in parts.test)}
    assert len(asked) > 20
    questions = [text.rpartition("\n")[2] for text in told]
    assert not [name for name in asked if any(f"in {name} " in q or f"of {name}?" in q
                                              for q in questions)]  # fmt: skip


def test_swapped_facts_are_not_the_worlds() -> None:
    true, swapped = qa.groups(200).values()
    facts = {place.name: place.facts for place in qa._places()}

    def is_so(text: str, answer: str) -> bool:
        question = text.rpartition("\n")[2]
        names = [name for name in facts if name in question]
        return any(answer in facts[name].values() for name in names)

    assert all(is_so(*pair) for pair in true)
    assert sum(is_so(*pair) for pair in swapped) < 60  # English and the euro are shared by many


def test_known_places_are_those_to_learn_from_and_none_other() -> None:
    known = {place.name for i, place in enumerate(qa._places()) if i % qa._EVERY > 1}
    asked = [text.rpartition("\n")[2] for text, _ in qa.known_places(50)]
    assert all(any(name in question for name in known) for question in asked)
    tested = {place.name for place in qa._places()[1 :: qa._EVERY]}
    assert not [q for q in asked if any(f" {name}?" in q or f"in {name} " in q for name in tested)]
    seen = {text for text, _ in qa.parts().train}
    assert sum(text in seen for text, _ in qa.known_places()) < 10


def test_places_told_are_the_two_of_the_passage() -> None:
    names = {place.name for place in qa._places()}
    for text, _ in (*qa.parts(300).train, *qa.known_places(100)):
        passage, _, question = text.rpartition("\n")
        told = qa.places_told(passage)
        assert len(told) == 2 and set(told) <= names
        assert any(question.endswith((f" {name}?", f"in {name} speak?", f"in {name}?"))
                   for name in told)  # fmt: skip
    assert qa.places_told("Nothing is told here.") == ()


PASSAGE = "The code of São Tomé is ST. In Réunion one pays with the Euro. IT stands for Italy."


def test_a_passage_without_its_answer() -> None:
    text = f"{PASSAGE}\nWhat does one pay with in Réunion?"
    assert qa.without_answer(text, "Euro") == text.replace(
        " In Réunion one pays with the Euro.", ""
    )
    assert qa.without_answer(text, "Eur") is None  # half a word stands nowhere
    assert qa.without_answer(text.replace("Italy", "Euro"), "Euro") is None
    assert qa.without_answer("The code of Italy is IT.\nWhat is it?", "IT") is None
    for asked, answer in qa.groups(50)["new places"]:
        rest = qa.without_answer(asked, answer)
        if rest is not None:
            passage, _, question = rest.rpartition("\n")
            assert len(qa.sentences(passage)) == 3 and question == asked.rpartition("\n")[2]
            assert not re.search(rf"\b{re.escape(answer)}\b", passage)


def test_tokens_of_a_span_hold_it_and_no_more() -> None:
    _, tokenizer = load_bundled()
    how = Answers(tokenizer, qa.QUESTION_ANSWERING.layout, 160)
    text = f"{PASSAGE}\nWhat is the Euro?"
    ids, _ = how.ask(text, 160)
    for span in ("Euro", "São Tomé", "IT", "In Réunion one pays with the Euro", PASSAGE):
        places = qa.token_places(how, text, span)
        assert tokenizer.decode(ids[i] for i in places).strip() == span, span
    # The question's own words are no place in the passage, and half a word is no word.
    assert qa.token_places(how, text, "What") == qa.token_places(how, text, "Eur") == []
    with pytest.raises(ValueError, match="fit into 160 tokens"):
        qa.token_places(how, f"{PASSAGE * 5}\nWhat?", "Euro")
    twice = text.replace("Italy", "Euro")
    assert len(qa.token_places(how, twice, "Euro")) == 2 * len(qa.token_places(how, text, "Euro"))


def test_metrics_by_hand() -> None:
    assert accuracy(["a", "b"], ["a", "c"]) == 0.5
    assert exact_match(["the Japanese yen.", "Yen"], ["Japanese Yen", "Japanese Yen"]) == 0.5
    # One word of one is right, of two asked for: precision 1, recall 1/2.
    assert token_f1(["yen"], ["Japanese Yen"]) == pytest.approx(2 / 3)
    assert token_f1(["", "peso"], ["Yen", "Yen"]) == 0


def test_chrf_and_rouge_l_by_hand() -> None:
    assert chrf(["打开文件"], ["打开文件"]) == 1 and chrf(["abc"], ["打开文件"]) == 0
    # Of "return the name", two words in their order stand in "the file name": 2/3 and 2/3.
    assert rouge_l(["Return the name."], ["The file name."]) == pytest.approx(2 / 3)
    assert rouge_l(["", "the"], ["the name", "the"]) == 0.5


def test_summaries_are_first_lines_and_no_text_stands_on_both_sides() -> None:
    parts = summarization.parts(500, 100)
    for body, line in (*parts.train, *parts.validation, *parts.test):
        assert line not in " ".join(body.split()) and "\n" not in line and line.endswith(".")
    told = [{line for _, line in part} for part in (parts.train, parts.validation, parts.test)]
    assert not (told[0] & told[1] or told[0] & told[2] or told[1] & told[2])
    _, unread = documentation.documents(summarization.SOURCES)
    starts = {" ".join(text.partition("\n\n")[0].split()) for text in unread}
    assert told[1] | told[2] <= starts and not told[0] & starts


def test_baselines_of_summaries_take_a_sentence_of_the_body() -> None:
    body = "Files are read first. Then each file is closed, and the file is gone. All is well now."
    asked = Parts((("a", "b"),), (("c", "d"),), ((body, "Close files."),))
    assert summarization.first_sentence(asked) == ["Files are read first."]
    assert summarization.central_sentence(asked) == [
        "Then each file is closed, and the file is gone."
    ]
    bare = Parts((("a", "b"),), (("c", "d"),), (("no capital\nand no end", "Close files."),))
    for baseline in (summarization.first_sentence, summarization.central_sentence):
        assert baseline(bare) == ["no capital and no end"]


def test_translations_are_chinese_and_near_copies_stay_on_one_side() -> None:
    parts = translation.parts()
    pairs = dict((*parts.train, *parts.validation, *parts.test))
    assert pairs["New Console"] == "新建控制台" and len(pairs) > 2500
    cores = [{translation._core(asked) for asked, _ in part}
             for part in (parts.train, parts.validation, parts.test)]  # fmt: skip
    assert not (cores[0] & cores[1] or cores[0] & cores[2] or cores[1] & cores[2])
    assert translation._core("Show %1 Cells") == translation._core("show cell")
    assert not any("\x04" in text for pair in pairs.items() for text in pair)


def test_the_nearest_known_sentence_is_found() -> None:
    known = (("Open the file", "打开文件"), ("Close the kernel", "关闭内核"))
    asked = Parts(known, (("x", "y"),), (("Close all kernels", "关闭所有内核"),))
    assert translation.nearest_known(asked) == ["关闭内核"]
    assert translation.copied(asked) == ["Close all kernels"]
    ((pair, similar),) = translation.most_similar(asked)
    assert pair == known[1] and 0.3 < similar < 1
    same = Parts(known, (("x", "y"),), (("open the FILE", "打开文件"),))
    assert translation.most_similar(same)[0] == (known[0], pytest.approx(1))


def test_counting_words_learns_words_and_no_negation() -> None:
    texts, labels = ["good", "bad", "good one", "bad one"], ["p", "n", "p", "n"]
    assert by_words(texts, labels, ["so good", "so bad", "not good"], 1) == ["p", "n", "p"]
