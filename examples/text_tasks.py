"""Tasks about words: facts that a table holds, lists to sort, texts to rewrite."""

from __future__ import annotations

from random import Random

from examples.task import Task, ask

CAPITALS_CURRENCIES_CONTINENTS = """
France: Paris, euro, Europe
Japan: Tokyo, yen, Asia
Peru: Lima, sol, South America
Kenya: Nairobi, Kenyan shilling, Africa
Norway: Oslo, Norwegian krone, Europe
Poland: Warsaw, zloty, Europe
Egypt: Cairo, Egyptian pound, Africa
Canada: Ottawa, Canadian dollar, North America
Chile: Santiago, Chilean peso, South America
Thailand: Bangkok, baht, Asia
Vietnam: Hanoi, dong, Asia
Hungary: Budapest, forint, Europe
Morocco: Rabat, dirham, Africa
Ghana: Accra, cedi, Africa
Cuba: Havana, Cuban peso, North America
Iceland: Reykjavik, Icelandic krona, Europe
India: New Delhi, Indian rupee, Asia
Brazil: Brasilia, real, South America
Australia: Canberra, Australian dollar, Oceania
Mongolia: Ulaanbaatar, tugrik, Asia
Denmark: Copenhagen, Danish krone, Europe
Ethiopia: Addis Ababa, birr, Africa
Jordan: Amman, Jordanian dinar, Asia
Uruguay: Montevideo, Uruguayan peso, South America
"""
COUNTRIES = {name: row.split(", ") for name, row in (line.split(": ") for line in CAPITALS_CURRENCIES_CONTINENTS.split("\n") if line)}
ELEMENTS = {
    "hydrogen": ("H", "1"), "helium": ("He", "2"), "carbon": ("C", "6"), "nitrogen": ("N", "7"), "oxygen": ("O", "8"),
    "sodium": ("Na", "11"), "silicon": ("Si", "14"), "chlorine": ("Cl", "17"), "potassium": ("K", "19"), "calcium": ("Ca", "20"),
    "iron": ("Fe", "26"), "copper": ("Cu", "29"), "silver": ("Ag", "47"), "tin": ("Sn", "50"), "gold": ("Au", "79"),
    "mercury": ("Hg", "80"), "lead": ("Pb", "82"),
}  # fmt: skip


def facts(rng: Random) -> Task:
    """Capitals, currencies, continents and chemical elements."""
    table, column, at, question, work = rng.choice(
        (
            (COUNTRIES, "capital", 0, "What is the capital of {}?", "Any atlas lists it under {}"),
            (COUNTRIES, "currency", 1, "Which currency is used in {}?", "It is printed on every banknote of {}"),
            (COUNTRIES, "continent", 2, "On which continent is {}?", "Any map of the world with {} on it shows that"),
            (ELEMENTS, "chemical symbol", 0, "What is the chemical symbol of {}?", "It stands in the cell for {} in the periodic table"),
            (ELEMENTS, "atomic number", 1, "What is the atomic number of {}?", "It is the number of protons in an atom of {}"),
        )
    )
    name = rng.choice(sorted(table))
    value, asked = table[name][at], question.format(name)
    others = sorted({row[at] for row in table.values()} - {value})
    prompt = ask(rng, (asked, asked, f"{asked[:-1]}, do you know?"))
    say = f"The {column} of {name} is {{}}"
    return Task("facts", say[:-3], prompt, say, value, value.lower(), tuple(rng.sample(others, 3)), work.format(name))


WORDS = (
    "pear", "fig", "apple", "mango", "plum", "cherry", "lemon", "grape", "olive", "peach", "zebra", "otter", "badger", "heron",
    "lynx", "raven", "copper", "silver", "tulip", "violet", "maple", "cedar", "anchor", "ladder", "window", "kettle", "pillow", "basket",
)  # fmt: skip


def lists(rng: Random) -> Task:
    """Sorting words and numbers, removing duplicates."""
    shape = rng.choice(("words", "numbers", "descending", "unique"))
    if shape == "words":
        items = rng.sample(WORDS, rng.randint(4, 7))
        result, order = sorted(items), "Sort these alphabetically"
        work = "Compare the first letters, and the next letters where they are equal"
    elif shape == "unique":
        items = [*rng.choices(WORDS[:9], k=rng.randint(6, 9)), "kettle", rng.choice(WORDS[:9]), "kettle"]
        result, order = list(dict.fromkeys(items)), "Remove the duplicates, keeping first occurrences"
        work = "Walk through the list and keep a word only when it is new"
    else:
        values = rng.sample(range(2, 200), rng.randint(5, 8))
        items, down = [str(v) for v in values], shape == "descending"
        result = [str(v) for v in sorted(values, reverse=down)]
        order = "Sort these from largest to smallest" if down else "Sort these from smallest to largest"
        work = f"Pick the {'largest' if down else 'smallest'} number that is left, again and again"
    given, a_line_each = ", ".join(items), rng.random() < 0.5
    prompt = ask(rng, (f"{order}: {given}", f"{given} - {order[0].lower()}{order[1:]}.")) + (" Give one per line." if a_line_each else "")
    join = ("\n" if a_line_each else ", ").join
    return Task(
        kind="lists",
        key=f"{order}: {given}",
        prompt=prompt,
        say="Here is the list:\n{}" if a_line_each else "The list is {}",
        value=join(result),
        bare=" ".join(result),
        wrong=(join([*result[1:], result[0]]), join(result[:-1]), join([result[1], result[0], *result[2:]])),
        work=work,
        code=join(result) if rng.random() < 0.4 else None,
        stub=join(result[: len(result) // 2]),
    )


SUBJECTS = (
    "the old clock", "a quiet river", "our new neighbour", "the yellow bus",
    "my little brother", "the night train", "a lost key", "the tall baker",
)  # fmt: skip
ACTIONS = ("stopped at noon", "runs past the mill", "sings in the garden", "arrived too late", "waits under the bridge", "was found again")
ENDINGS = ("on a cold day", "before the storm", "every other week", "without a sound", "near the market", "after the party")


def rewriting(rng: Random) -> Task:
    """Upper case, title case, reversed words, snake case, counting words and letters."""
    text, letter = f"{rng.choice(SUBJECTS)} {rng.choice(ACTIONS)} {rng.choice(ENDINGS)}", rng.choice("aeorst")
    words, shape = text.split(), rng.choice(("upper case", "title case", "reverse", "snake_case", "count words", "count letter"))
    if shape.startswith("count"):
        count = len(words) if shape == "count words" else text.count(letter)
        question, say = f'How many words are in "{text}"?', "The text has {} words"
        if shape == "count letter":
            question, say = f"How many times does the letter '{letter}' appear in \"{text}\"?", f"The letter '{letter}' appears {{}} times"
        wrong = (str(count + 1), str(count + 2), str(count - 1 if count else 3))
        work = "Go through the text from left to right and keep a tally"
        return Task("rewriting", question, ask(rng, (question,)), say, str(count), str(count), wrong, work)
    question, work = f'Rewrite "{text}" in {shape}.', "Only the form changes, the words themselves stay the same"
    if shape == "reverse":
        question, work = f'Reverse the order of the words in "{text}".', "Start with the last word and go back to the first"
    forms = {"upper case": text.upper(), "title case": text.title(), "reverse": " ".join(words[::-1]), "snake_case": "_".join(words)}
    made, slips = forms[shape], (text, text.capitalize() + ".", " ".join(words[:-1]).upper())
    return Task(
        kind="rewriting",
        key=question,
        prompt=ask(rng, (question,)),
        say="{}",
        value=f'"{made}"',
        bare=made,
        wrong=tuple(f'"{slip}"' for slip in slips),
        work=work,
        code=made if rng.random() < 0.3 else None,
        stub=made[: len(made) // 2],
    )
