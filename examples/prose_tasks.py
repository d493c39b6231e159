"""Tasks whose natural answer is a number: arithmetic, word problems, units, percentages, times, dates."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from examples.task import Task, ask, near, number


def arithmetic(rng: Random) -> Task:
    """Products, sums and differences of whole numbers."""
    a, b, c = rng.randint(12, 98), rng.randint(3, 79), rng.randint(5, 400)
    tens, ones = a - a % 10, a % 10
    parts = f"{a} * {b} is {tens} * {b} plus {ones} * {b}, that is {tens * b} plus {ones * b}"
    text, value, work = rng.choice(
        (
            (f"{a} * {b}", a * b, parts),
            (f"{a} * {b} + {c}", a * b + c, f"The product comes first: {parts}; then add {c}"),
            (f"{a} * {b} - {c}", a * b - c, f"The product comes first: {parts}; then subtract {c}"),
            (f"{c} + {a} - {b}", c + a - b, f"From left to right: {c} + {a} is {c + a}, then take away {b}"),
        )
    )
    prompt = ask(rng, (f"What is {text}?", f"Calculate {text}.", f"Can you work out {text} for me?", f"{text} = ?"))
    return Task("arithmetic", text, prompt, f"{text} = {{}}", str(value), str(value), near(value, rng), work)


PEOPLE = ("Ana", "Ben", "Chidi", "Dara", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas")
GOODS = ("notebooks", "apples", "tickets", "light bulbs", "candles", "pens", "mugs", "batteries")


def word_problem(rng: Random) -> Task:
    """Shopping, sharing, travelling and wages."""
    who, goods, shape = rng.choice(PEOPLE), rng.choice(GOODS), rng.choice(("change", "share", "travel", "wage"))
    n, p = rng.randint(3, 19), rng.randint(2, 9)
    if shape == "change":
        paid = -(-n * p // 50) * 50
        story = f"{who} buys {n} {goods} at ${p} each and pays with ${paid}. How much change does {who} get?"
        value, unit, say = paid - n * p, " dollars", f"{who} gets {{}} in change"
        work = f"{n} {goods} at ${p} each cost ${n * p}, which comes off ${paid}"
    elif shape == "share":
        total = n * p + rng.randint(1, p - 1)
        story = f"{who} shares {total} {goods} equally among {p} friends. How many does each friend get?"
        value, unit, say = total // p, f" {goods}", "Each friend gets {}"
        work = f"{total} divided by {p} leaves a remainder of {total % p}, which cannot be shared"
    elif shape == "travel":
        story = f"{who} takes a train that travels at {p * 20} km/h for {n} hours. How far does it go?"
        value, unit, say = p * 20 * n, " km", "The train goes {}"
        work = f"Distance is speed times time, here {p * 20} km/h for {n} hours"
    else:
        story = f"{who} earns ${p + 10} an hour and works {n} hours a week. What does {who} earn in 4 weeks?"
        value, unit, say = (p + 10) * n * 4, " dollars", f"{who} earns {{}} in 4 weeks"
        work = f"One week is {n} hours at ${p + 10}, that is ${(p + 10) * n}"
    return Task("word_problem", story, ask(rng, (story,)), say, f"{value}{unit}", str(value), near(value, rng, unit=unit), work)


# from, to, factor, offset: to = from * factor + offset
UNITS = (
    ("km", "miles", 0.621371, 0.0),
    ("miles", "km", 1.609344, 0.0),
    ("kg", "pounds", 2.204623, 0.0),
    ("pounds", "kg", 0.453592, 0.0),
    ("inches", "cm", 2.54, 0.0),
    ("feet", "metres", 0.3048, 0.0),
    ("litres", "US gallons", 0.264172, 0.0),
    ("ounces", "grams", 28.349523, 0.0),
    ("degrees Celsius", "degrees Fahrenheit", 1.8, 32.0),
    ("hours", "minutes", 60.0, 0.0),
    ("days", "hours", 24.0, 0.0),
)


def units(rng: Random) -> Task:
    """Conversions, rounded to two decimals."""
    (source, target, factor, offset), x = rng.choice(UNITS), rng.randint(2, 150)
    value = x * factor + offset
    key = f"{x} {source} to {target}"
    prompt = ask(rng, (f"Convert {key}.", f"How many {target} are {x} {source}?", f"What is {x} {source} in {target}?"))
    work = f"To get from {source} to {target}, multiply by {factor:g}" + (" and add 32" if offset else "")
    wrong = (f"{number(x / factor)} {target}", f"{number(value + 10)} {target}", f"{number(value)} {source}")
    return Task("units", key, prompt, f"{x} {source} are {{}}", f"{number(value)} {target}", number(value), wrong, work)


SHARES = (5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 60)


def percentages(rng: Random) -> Task:
    """Parts, discounts, tips and changes."""
    share, base, shape = rng.choice(SHARES), rng.randint(4, 90) * 5, rng.choice(("of", "discount", "tip", "rise"))
    part = base * share / 100
    if shape == "of":
        key, say, value, unit = f"What is {share}% of {base}?", f"{share}% of {base} is {{}}", part, ""
        work = f"{share}% means {share} in a hundred, so multiply {base} by {share / 100:g}"
    elif shape == "discount":
        key = f"A coat costs ${base} and is {share}% off. What is the sale price?"
        say, value, unit = "The sale price is {}", base - part, " dollars"
        work = f"The discount is {share}% of ${base}, that is ${number(part)}, and it comes off the price"
    elif shape == "tip":
        key = f"The bill is ${base}. How much is it with a {share}% tip?"
        say, value, unit = "The bill with the tip is {}", base + part, " dollars"
        work = f"The tip is {share}% of ${base}, that is ${number(part)}, and it is added to the bill"
    else:
        key = f"Rent went from ${base} to ${number(base + part)}. By what percentage did it rise?"
        say, value, unit = "The rent rose by {}", float(share), "%"
        work = f"The difference is ${number(part)}, and it is divided by the old rent of ${base}"
    return Task("percentages", key, ask(rng, (key,)), say, f"{number(value)}{unit}", number(value), near(value, rng, unit=unit), work)


def clock(minutes: int) -> str:
    """Minutes after midnight as 24-hour time."""
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def durations(rng: Random) -> Task:
    """Ends of meetings and lengths of journeys."""
    start, length = rng.randint(28, 80) * 15, rng.randint(5, 58) * 5
    span, end = f"{length // 60} h {length % 60} min", clock(start + length)
    if rng.random() < 0.5:
        what = rng.choice(("meeting", "film", "class", "concert"))
        key = f"A {what} starts at {clock(start)} and lasts {length} minutes. When does it end?"
        work = f"{length} minutes are {span}, counted from {clock(start)}"
        wrong = (clock(start + length + 60), clock(start + length + 10), clock(start - length))
        return Task("durations", key, ask(rng, (key,)), f"The {what} ends at {{}}", end, end, wrong, work)
    what = rng.choice(("bus", "flight", "train", "ferry"))
    key = f"The {what} leaves at {clock(start)} and arrives at {end}. How long is the trip?"
    work = f"Count the full hours from {clock(start)} first and then the minutes up to {end}"
    wrong = (f"{length // 60 + 1} h {length % 60} min", f"{length // 60} h {(length + 10) % 60} min", f"{length + 100} min")
    return Task("durations", key, ask(rng, (key,)), "The trip takes {}", span, span.replace(" h ", ":").replace(" min", ""), wrong, work)


def dates(rng: Random) -> Task:
    """Weekdays, days between dates, dates after so many days."""
    day, n = date(2023, 1, 1) + timedelta(rng.randint(0, 1400)), rng.randint(9, 120)
    later, shape = day + timedelta(n), rng.choice(("weekday", "between", "after"))
    first, last = f"{day.day} {MONTHS[day.month - 1]} {day.year}", f"{later.day} {MONTHS[later.month - 1]} {later.year}"
    if shape == "weekday":
        key, say, value = f"What day of the week is {first}?", f"{first} is a {{}}", WEEKDAYS[day.weekday()]
        work = f"Count forward from 1 January {day.year}, which is a {WEEKDAYS[date(day.year, 1, 1).weekday()]}"
        wrong = tuple(WEEKDAYS[(day.weekday() + k) % 7] for k in (1, 2, 6))
    elif shape == "between":
        key, say, value = f"How many days are there from {first} to {last}?", "From the first date to the second there are {}", f"{n} days"
        work = f"Add up the rest of {MONTHS[day.month - 1]}, the full months and the days of {MONTHS[later.month - 1]}"
        wrong = (f"{n + 1} days", f"{n - 2} days", f"{n + 30} days")
    else:
        key, say, value = f"What date is {n} days after {first}?", f"{n} days after {first} comes {{}}", last
        work = f"Go month by month from {MONTHS[day.month - 1]} and take off each month's length"
        wrong = (
            first,
            f"{later.day % 28 + 1} {MONTHS[later.month - 1]} {later.year}",
            f"{later.day} {MONTHS[later.month % 12]} {later.year}",
        )
    return Task("dates", key, ask(rng, (key,)), say, value, value.lower(), wrong, work)


# Spelled out: strftime follows the locale.
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
